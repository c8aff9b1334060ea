//! The token file: who may ask, and for what.
//!
//! One token a line, and behind it the scopes it has beyond reading and sending events. `#` starts
//! a comment. Promises that a token is kept as its SHA-256 only, and that comparing takes the same
//! time whatever is presented. Does not read the file: the caller hands over its text.

use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};

/// What a token allows beyond reading entities and sending events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The quarantine, redrive and dismissal, and inputs as they came (`raw=true`).
    Admin,
}

impl Scope {
    /// The scope of that name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        (name == "admin").then_some(Self::Admin)
    }
}

/// The fewest characters of a token: below, guessing one is no work.
const SHORTEST_TOKEN: usize = 16;

/// The tokens of an installation.
#[derive(Clone)]
pub struct TokenSet {
    tokens: Arc<[Token]>,
}

struct Token {
    digest: [u8; 32],
    scopes: Vec<Scope>,
}

/// Why a token file is refused. Never shows a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenFileError {
    /// A token can be guessed.
    #[error("line {line}: a token has at least {SHORTEST_TOKEN} characters, this one has {length}")]
    TooShort {
        /// The line, from 1.
        line: usize,
        /// How long it is.
        length: usize,
    },
    /// A token that no header can carry.
    #[error("line {line}: a token is made of letters, digits and other visible ASCII characters")]
    NotAscii {
        /// The line, from 1.
        line: usize,
    },
    /// A token that an earlier line has.
    #[error("line {line}: line {first} has this token already")]
    Twice {
        /// The line, from 1.
        line: usize,
        /// The earlier line.
        first: usize,
    },
    /// A scope that does not exist. Not shown, since it may be a token with a space in it.
    #[error("line {line}: unknown scope behind the token; admin is the only one")]
    UnknownScope {
        /// The line, from 1.
        line: usize,
    },
    /// No token at all: nobody could ask anything.
    #[error("there is no token in it")]
    Empty,
}

impl TokenSet {
    /// Reads a token file's text.
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

    /// The scopes of a presented token; `None` where there is no such token.
    pub(crate) fn scopes_of(&self, presented: &str) -> Option<&[Scope]> {
        let presented = digest(presented);
        // Every token is looked at, and whole. What remains of a difference in time is about
        // digests, from which no token can be told.
        let mut found = None;
        for token in &*self.tokens {
            if is_same(&token.digest, &presented) {
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
    if token.len() < SHORTEST_TOKEN {
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

fn is_same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    a.iter().zip(b).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
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
    fn check_refused(text: &str, expected: &TokenFileError) {
        assert_eq!(TokenSet::parse(text).err().as_ref(), Some(expected), "{text:?}");
    }

    #[test]
    fn a_token_has_the_scopes_behind_it() {
        let tokens = TokenSet::parse(FILE).unwrap();
        assert_eq!(tokens.scopes_of("0123456789abcdef"), Some(&[][..]));
        assert_eq!(tokens.scopes_of("fedcba9876543210-operator"), Some(&[Scope::Admin][..]));
    }

    #[test]
    fn what_is_no_token_of_the_file_is_none() {
        let tokens = TokenSet::parse(FILE).unwrap();
        for presented in ["", "0123456789abcde", "0123456789abcdef ", "0123456789ABCDEF", "admin", "# who may ask"] {
            assert_eq!(tokens.scopes_of(presented), None, "{presented}");
        }
    }

    #[test]
    fn a_bad_line_is_refused_by_its_number() {
        check_refused("# a\n\nshort", &TokenFileError::TooShort { line: 3, length: 5 });
        check_refused("0123456789abcde", &TokenFileError::TooShort { line: 1, length: 15 });
        check_refused("0123456789abcdefé", &TokenFileError::NotAscii { line: 1 });
        check_refused("0123456789abcdef root", &TokenFileError::UnknownScope { line: 1 });
        check_refused("0123456789abcdef\n\n0123456789abcdef admin", &TokenFileError::Twice { line: 3, first: 1 });
        check_refused("", &TokenFileError::Empty);
        check_refused("# 0123456789abcdef\n", &TokenFileError::Empty);
    }

    #[test]
    fn no_token_is_ever_shown() {
        assert_eq!(format!("{:?}", TokenSet::parse(FILE).unwrap()), "TokenSet(2 tokens)");
        let error = TokenSet::parse("0123456789abcdef secret-part").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("secret"));
    }

    #[test]
    fn both_line_ends_and_a_byte_order_mark_are_taken() {
        let tokens = TokenSet::parse("\u{feff}0123456789abcdef\r\nfedcba9876543210 admin\r\n").unwrap();
        assert!(tokens.scopes_of("0123456789abcdef").is_some());
        assert_eq!(tokens.scopes_of("fedcba9876543210"), Some(&[Scope::Admin][..]));
    }
}
