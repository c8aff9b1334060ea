//! Salesforce ids: 15 case-sensitive characters, or 18 with a suffix that encodes their case.
//!
//! The canonical form has 18 characters. A wrong suffix is an error, because the id would be a record that does not exist;
//! only its case is corrected.

use annals_domain::identity::ExternalId;

const OWN_LENGTH: usize = 15;
const SUFFIX_LENGTH: usize = 3;
const SUFFIX_DIGITS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

/// A text that is not an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum InvalidId {
    NotAnId,
    /// 18 characters whose last three do not follow from the others, and the id that they should be.
    WrongSuffix(String),
}

/// The id in 18 characters.
pub(super) fn read(id: &str) -> Result<ExternalId, InvalidId> {
    let (Some(own), true) = (id.get(..OWN_LENGTH), id.bytes().all(|byte| byte.is_ascii_alphanumeric())) else {
        return Err(InvalidId::NotAnId);
    };
    let expected = with_suffix(own);
    match &id[OWN_LENGTH..] {
        "" => Ok(ExternalId::new(expected)),
        suffix if suffix.eq_ignore_ascii_case(&expected[OWN_LENGTH..]) => Ok(ExternalId::new(expected)),
        suffix if suffix.len() == SUFFIX_LENGTH => Err(InvalidId::WrongSuffix(expected)),
        _ => Err(InvalidId::NotAnId),
    }
}

/// The id in 18 characters; `None` if the text is not an id.
pub(super) fn canonical(id: &str) -> Option<ExternalId> {
    read(id).ok()
}

/// Whether a text in a stored event is that record's id. Earlier releases stored ids with any suffix.
pub(super) fn is_stored_as(text: &str, id: &ExternalId) -> bool {
    text == id.as_str() || canonical(text).as_ref() == Some(id)
}

fn with_suffix(id: &str) -> String {
    let suffix = id.as_bytes().chunks(5).map(|chunk| {
        let capitals = chunk.iter().enumerate().filter(|(_, byte)| byte.is_ascii_uppercase());
        let bits: usize = capitals.map(|(index, _)| 1 << index).sum();
        char::from(SUFFIX_DIGITS[bits])
    });
    id.chars().chain(suffix).collect()
}

/// Whether it is the empty id: all zeros, which is no record's.
pub(super) fn is_empty_id(id: &ExternalId) -> bool {
    id.as_str().bytes().take(15).all(|byte| byte == b'0')
}

/// Whether it means all records of an object, by the key prefix of their ids: `001*`.
pub(super) fn is_wildcard(id: &str) -> bool {
    id.strip_suffix('*').is_some_and(|prefix| prefix.len() == 3 && prefix.bytes().all(|b| b.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(id: &str, expected: Option<&str>) {
        assert_eq!(canonical(id).as_ref().map(ExternalId::as_str), expected, "{id}");
    }

    #[test]
    fn fifteen_characters_get_the_suffix_that_encodes_their_case() {
        check("003ak00000IiFIn", Some("003ak00000IiFInAAN"));
        check("0014H00002LbR7Q", Some("0014H00002LbR7QQAV"));
        check("000000000000000", Some("000000000000000AAA"));
    }

    #[test]
    fn eighteen_characters_are_unchanged_but_for_the_case_of_their_suffix() {
        check("0014H00002LbR7QQAV", Some("0014H00002LbR7QQAV"));
        check("0014H00002LbR7Qqav", Some("0014H00002LbR7QQAV"));
    }

    #[test]
    fn a_wrong_suffix_is_an_error_with_the_right_id() {
        for (id, right) in [
            ("0014H00002LbR7QQAW", "0014H00002LbR7QQAV"),
            ("0014H00002LbR7QAAA", "0014H00002LbR7QQAV"),
            ("0014h00002lbr7qqav", "0014h00002lbr7qAAA"),
            ("0014H00002LbR7Q999", "0014H00002LbR7QQAV"),
        ] {
            assert_eq!(read(id), Err(InvalidId::WrongSuffix(right.to_owned())), "{id}");
        }
    }

    #[test]
    fn a_stored_id_is_found_with_any_suffix() {
        assert!(is_stored_as("0014H00002LbR7QAAA", &ExternalId::new("0014H00002LbR7QAAA")));
        assert!(is_stored_as("0014H00002LbR7Qqav", &ExternalId::new("0014H00002LbR7QQAV")));
        assert!(is_stored_as("0014H00002LbR7Q", &ExternalId::new("0014H00002LbR7QQAV")));
        assert!(!is_stored_as("0014H00002LbR7R", &ExternalId::new("0014H00002LbR7QQAV")));
    }

    #[test]
    fn anything_else_is_not_an_id() {
        for id in [
            "",
            "001",
            "001*",
            "<record_ID>",
            "0014H00002LbR7QQ",
            "0014H00002LbR7QQA-",
            "0014H00002LbR7QQAVX",
            "ééééééééé",
        ] {
            assert_eq!(read(id), Err(InvalidId::NotAnId), "{id}");
            check(id, None);
        }
    }

    #[test]
    fn a_wildcard_is_a_key_prefix_and_a_star() {
        assert!(is_wildcard("001*") && is_wildcard("a0B*"));
        assert!(!is_wildcard("*") && !is_wildcard("00*") && !is_wildcard("001**") && !is_wildcard("0-1*"));
    }
}
