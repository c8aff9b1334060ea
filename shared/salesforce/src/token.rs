//! The request for an access token: client credentials, or a JWT that the app's key signs.

use annals_domain::timestamp::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use form_urlencoded::Serializer;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::json;

use crate::failure::{Failure, FailureKind};
use crate::settings::{Credentials, OrgUrl, SalesforceSettings};
use crate::signing_key::SigningKey;

/// How long a JWT is valid, in seconds.
const JWT_VALIDITY: i64 = 180;
pub(crate) const PRODUCTION: &str = "https://login.salesforce.com";
const SANDBOX: &str = "https://test.salesforce.com";

/// A session: the token, and the address that takes it.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) token: SecretString,
    pub(crate) instance: OrgUrl,
}

#[derive(Deserialize)]
struct TokenResponse {
    access_token: SecretString,
    instance_url: Option<String>,
}

/// The form to post, at a time of Salesforce's clock. Errors of the key's machine only.
pub(crate) fn form(settings: &SalesforceSettings, audience: &str, now: Timestamp) -> Result<SecretString, Failure> {
    let mut form = Serializer::new(String::new());
    match &settings.credentials {
        Credentials::ClientSecret(secret) => {
            form.append_pair("grant_type", "client_credentials");
            form.append_pair("client_id", &settings.client_id);
            form.append_pair("client_secret", secret.expose_secret());
        }
        Credentials::SignedJwt { username, key } => {
            form.append_pair("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer");
            form.append_pair("assertion", &assertion(&settings.client_id, username, audience, now, key)?);
        }
    }
    Ok(form.finish().into())
}

fn assertion(
    client_id: &str,
    username: &str,
    audience: &str,
    now: Timestamp,
    key: &SigningKey,
) -> Result<String, Failure> {
    let expires = now.millis() / 1_000 + JWT_VALIDITY;
    let header = json!({ "alg": "RS256" });
    let claims = json!({ "iss": client_id, "sub": username, "aud": audience, "exp": expires });
    let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&header), part(&claims));
    let signature = key.sign(signed.as_bytes());
    let signature = signature.ok_or_else(|| Failure::new(FailureKind::Unavailable, "the JWT cannot be signed"))?;
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// The authorization server that a JWT is for: by the documentation that of production or of sandboxes; an org at
/// another address is its own.
pub(crate) fn audience(url: &OrgUrl) -> &str {
    let host = url.host();
    let is_sandbox =
        |host: &str| host == "test.salesforce.com" || host.contains(".sandbox.") || host.contains(".scratch.");
    if !host.ends_with(".salesforce.com") {
        url.as_str()
    } else if is_sandbox(host) {
        SANDBOX
    } else {
        PRODUCTION
    }
}

/// The session that the token endpoint grants. `org` takes the token if the response names no other address.
pub(crate) fn session(body: &str, org: &OrgUrl) -> Result<Session, Failure> {
    let response: TokenResponse = serde_json::from_str(body)
        .map_err(|_| Failure::malformed("the token endpoint answers with no token that can be read"))?;
    let instance = response.instance_url.as_deref().and_then(OrgUrl::of_instance);
    Ok(Session { token: response.access_token, instance: instance.unwrap_or_else(|| org.clone()) })
}
