//! The token file: one token a line, followed by its scopes; `#` starts a comment.
//!
//! Tokens are kept as SHA-256 only and compared in constant time.

use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;

use crate::access::ADMIN;
use crate::read_scope;

/// What a token allows beside sending events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// The quarantine, backfills, and stored inputs (`raw=true`).
    Admin,
    /// Reading entities of one type, as in `read:clients`. A token without such a scope may read all.
    Read(String),
}

impl Scope {
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            ADMIN => Some(Self::Admin),
            name => read_scope::type_of(name).map(|_| Self::Read(name.to_owned())),
        }
    }

    /// The scope's name, if it is one to read a type.
    pub(crate) fn as_read(&self) -> Option<&str> {
        match self {
            Self::Admin => None,
            Self::Read(name) => Some(name),
        }
    }
}

/// The least number of characters of a token: shorter ones can be guessed.
const MIN_TOKEN_LENGTH: usize = 16;

#[derive(Clone)]
pub struct TokenSet {
    tokens: Arc<[Token]>,
}

struct Token {
    digest: [u8; 32],
    scopes: Vec<Scope>,
}

/// An error in a token file. It never shows a token, and counts lines from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenFileError {
    #[error("line {line}: token of {length} characters: expected at least {MIN_TOKEN_LENGTH}")]
    TooShort { line: usize, length: usize },
    /// A header could not carry the token.
    #[error("line {line}: invalid token: expected letters, digits and other visible ASCII characters")]
    NotAscii { line: usize },
    #[error("line {line}: same token as in line {first}")]
    Twice { line: usize, first: usize },
    /// The scope is not shown, because it may be part of a token that contains a space.
    #[error("line {line}: unknown scope after the token: expected admin or read:{{type}}")]
    UnknownScope { line: usize },
    #[error("the file has no token")]
    Empty,
}

impl TokenSet {
    pub fn parse(text: &str) -> Result<Self, TokenFileError> {
        let mut tokens: Vec<(usize, Token)> = Vec::new();
        for (line, words) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let line = line + 1;
            let mut words = words.split_whitespace().take_while(|word| !word.starts_with('#'));
            let Some(word) = words.next() else { continue };
            let token = Token { digest: digest(word), scopes: scopes(line, words)? };
            check(line, word)?;
            if let Some((first, _)) = tokens.iter().find(|(_, other)| other.digest == token.digest) {
                return Err(TokenFileError::Twice { line, first: *first });
            }
            tokens.push((line, token));
        }
        if tokens.is_empty() {
            return Err(TokenFileError::Empty);
        }
        Ok(Self { tokens: tokens.into_iter().map(|(_, token)| token).collect() })
    }

    /// The scopes of a presented token; `None` if it is unknown.
    pub(crate) fn scopes_of(&self, presented: &str) -> Option<&[Scope]> {
        let presented = digest(presented);
        // Every token is compared, so that the time does not depend on which one matches.
        let mut found = None;
        for token in &*self.tokens {
            if bool::from(token.digest.ct_eq(&presented)) {
                found = Some(&*token.scopes);
            }
        }
        found
    }
}

impl fmt::Debug for TokenSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenSet({} tokens)", self.tokens.len())
    }
}

fn check(line: usize, token: &str) -> Result<(), TokenFileError> {
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(TokenFileError::NotAscii { line });
    }
    if token.len() < MIN_TOKEN_LENGTH {
        return Err(TokenFileError::TooShort { line, length: token.len() });
    }
    Ok(())
}

fn scopes<'a>(line: usize, words: impl Iterator<Item = &'a str>) -> Result<Vec<Scope>, TokenFileError> {
    words.map(|word| Scope::named(word).ok_or(TokenFileError::UnknownScope { line })).collect()
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
# who may ask
0123456789abcdef            # the dashboard

fedcba9876543210-operator admin
";

    #[track_caller]
    fn check_error(text: &str, expected: &TokenFileError) {
        assert_eq!(TokenSet::parse(text).err().as_ref(), Some(expected), "{text:?}");
    }

    #[test]
    fn a_token_has_the_scopes_of_its_line() {
        let tokens = TokenSet::parse(FILE).unwrap();
        assert_eq!(tokens.scopes_of("0123456789abcdef"), Some(&[][..]));
        assert_eq!(tokens.scopes_of("fedcba9876543210-operator"), Some(&[Scope::Admin][..]));
        let tokens = TokenSet::parse("0123456789abcdef read:clients read:Account").unwrap();
        let scopes = ["read:clients", "read:Account"].map(|name| Scope::Read(name.to_owned()));
        assert_eq!(tokens.scopes_of("0123456789abcdef"), Some(&scopes[..]));
    }

    #[test]
    fn a_text_that_is_not_a_token_of_the_file_is_unknown() {
        let tokens = TokenSet::parse(FILE).unwrap();
        for presented in ["", "0123456789abcde", "0123456789abcdef ", "0123456789ABCDEF", "admin", "# who may ask"] {
            assert_eq!(tokens.scopes_of(presented), None, "{presented}");
        }
    }

    #[test]
    fn an_invalid_line_is_reported_by_its_number() {
        check_error("# a\n\nshort", &TokenFileError::TooShort { line: 3, length: 5 });
        check_error("0123456789abcde", &TokenFileError::TooShort { line: 1, length: 15 });
        check_error("0123456789abcdefé", &TokenFileError::NotAscii { line: 1 });
        check_error("0123456789abcdef read:", &TokenFileError::UnknownScope { line: 1 });
        check_error("0123456789abcdef root", &TokenFileError::UnknownScope { line: 1 });
        check_error("0123456789abcdef\n\n0123456789abcdef admin", &TokenFileError::Twice { line: 3, first: 1 });
        check_error("", &TokenFileError::Empty);
        check_error("# 0123456789abcdef\n", &TokenFileError::Empty);
    }

    #[test]
    fn no_token_is_ever_shown() {
        assert_eq!(format!("{:?}", TokenSet::parse(FILE).unwrap()), "TokenSet(2 tokens)");
        let error = TokenSet::parse("0123456789abcdef secret-part").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("secret"));
    }

    #[test]
    fn both_line_endings_and_a_byte_order_mark_are_accepted() {
        let tokens = TokenSet::parse("\u{feff}0123456789abcdef\r\nfedcba9876543210 admin\r\n").unwrap();
        assert!(tokens.scopes_of("0123456789abcdef").is_some());
        assert_eq!(tokens.scopes_of("fedcba9876543210"), Some(&[Scope::Admin][..]));
    }
}
