//! The private key of the app's certificate, which signs JWTs. It is never printed.

use std::fmt;
use std::sync::Arc;

use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;

#[derive(Clone)]
pub struct SigningKey(Arc<RsaKeyPair>);

impl SigningKey {
    /// Reads a PEM file: an RSA key of 2,048 bits or more, PKCS #8 or PKCS #1, not encrypted.
    pub(crate) fn parse(pem: &str) -> Result<Self, String> {
        const EXPECTED: &str = "expected an RSA private key of at least 2,048 bits in PEM, without a password";
        let invalid = |reason: &str| format!("{reason}; {EXPECTED}");
        let der = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| invalid("no private key in it"))?;
        let key = match &der {
            PrivateKeyDer::Pkcs8(key) => RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(key) => RsaKeyPair::from_der(key.secret_pkcs1_der()),
            _ => return Err(invalid("it is not an RSA key")),
        };
        key.map(|key| Self(Arc::new(key))).map_err(|error| invalid(&error.to_string()))
    }

    /// The signature, RSASSA-PKCS1-v1_5 with SHA-256: RS256. `None` only if the system has no randomness.
    pub(crate) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let mut signature = vec![0; self.0.public().modulus_len()];
        self.0.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).ok()?;
        Some(signature)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey([REDACTED])")
    }
}
