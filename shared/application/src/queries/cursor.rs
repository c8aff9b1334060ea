//! Cursors: where a walk through a list continues.
//!
//! To callers a cursor is an opaque text. It states the list that it belongs to and has a checksum, so that a changed
//! one, or one of another list, is refused. Its position is checked like any other input: a caller who makes a cursor
//! can only choose where in the list to begin, so that no key is needed to sign it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::filter::InvalidParameter;

/// The parameter that has a cursor.
pub(super) const CURSOR: &str = "cursor";
/// Changes with the form of cursors: those of an earlier form are refused.
const FORM: &str = "annals cursor 1";
const SCOPE_BYTES: usize = 8;
const CHECKSUM_BYTES: usize = 8;

/// The list that a cursor belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CursorScope([u8; SCOPE_BYTES]);

impl CursorScope {
    /// The list with these properties: all that decide which results it has, and in which order.
    pub(super) fn of(properties: &impl Serialize) -> Self {
        // Texts and numbers always have a JSON form.
        let json = serde_json::to_vec(properties).unwrap_or_default();
        Self(digest(&[&json]))
    }

    /// The cursor of a position in this list.
    pub(super) fn encode(self, position: &impl Serialize) -> String {
        let position = serde_json::to_vec(position).unwrap_or_default();
        let bytes = [&self.0[..], &self.checksum(&position), &position].concat();
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The position of a cursor of this list; `None` for an empty one, which starts a walk.
    pub(super) fn decode<T: DeserializeOwned>(self, cursor: &str) -> Result<Option<T>, InvalidParameter> {
        if cursor.is_empty() {
            return Ok(None);
        }
        let bytes = URL_SAFE_NO_PAD.decode(cursor).unwrap_or_default();
        let (scope, rest) = bytes.split_first_chunk::<SCOPE_BYTES>().ok_or_else(invalid)?;
        let (checksum, position) = rest.split_first_chunk::<CHECKSUM_BYTES>().ok_or_else(invalid)?;
        let of = Self(*scope);
        if of.checksum(position) != *checksum {
            return Err(invalid());
        }
        if of != self {
            let message = "cursor of another list: expected the path, filters and sort of the page that it is from";
            return Err(InvalidParameter::new(CURSOR, message));
        }
        serde_json::from_slice(position).map(Some).map_err(|_| invalid())
    }

    fn checksum(self, position: &[u8]) -> [u8; CHECKSUM_BYTES] {
        digest(&[FORM.as_bytes(), &self.0, position])
    }
}

/// The error of a text that is no cursor.
pub(super) fn invalid() -> InvalidParameter {
    let message = "invalid cursor: expected that of the `next` of a page, or nothing to start a walk";
    InvalidParameter::new(CURSOR, message)
}

fn digest(parts: &[&[u8]]) -> [u8; 8] {
    let digest = parts.iter().fold(Sha256::new(), |digest, part| digest.chain_update(part)).finalize();
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope() -> CursorScope {
        CursorScope::of(&("clients", ["name"]))
    }

    #[track_caller]
    fn check_refused(cursor: &str, expected: &str) {
        let refused = scope().decode::<(u64, String)>(cursor).unwrap_err();
        assert!(refused.message.starts_with(expected), "{cursor}: {refused}");
    }

    #[test]
    fn a_cursor_leads_back_to_its_position() {
        let position = (7_u64, "é\u{0}\"".to_owned());
        assert_eq!(scope().decode(&scope().encode(&position)), Ok(Some(position)));
        assert_eq!(scope().decode::<u64>(""), Ok(None));
    }

    #[test]
    fn a_cursor_of_another_list_is_refused() {
        let other = CursorScope::of(&("clients", ["-name"]));
        check_refused(&other.encode(&(7, "a")), "cursor of another list");
    }

    #[test]
    fn a_changed_cursor_is_refused() {
        let cursor = scope().encode(&(7, "a"));
        for (at, _) in cursor.char_indices() {
            let mut changed = cursor.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(scope().decode::<(u64, String)>(&changed).is_err(), "{changed}");
            check_refused(&cursor[..at.max(1)], "invalid cursor");
        }
        for other in ["%", " ", "AAAA", "null", &"A".repeat(100_000), &format!("{cursor}="), &scope().encode(&"text")] {
            check_refused(other, "invalid cursor");
        }
    }
}
