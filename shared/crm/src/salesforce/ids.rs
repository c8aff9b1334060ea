//! Salesforce ids: 15 case-sensitive characters, or 18 with a suffix that encodes their case.
//!
//! The canonical form has 18 characters. Whether the suffix of an id is correct is not checked.

use annals_domain::identity::ExternalId;

const SUFFIX_DIGITS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

/// The id in 18 characters; `None` if the text is not an id.
pub(super) fn canonical(id: &str) -> Option<ExternalId> {
    if !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    match id.len() {
        18 => Some(ExternalId::new(id)),
        15 => Some(ExternalId::new(with_suffix(id))),
        _ => None,
    }
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
    fn eighteen_characters_are_unchanged() {
        check("0014H00002LbR7QQAV", Some("0014H00002LbR7QQAV"));
        check("0014h00002lbr7qqav", Some("0014h00002lbr7qqav"));
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
            check(id, None);
        }
    }

    #[test]
    fn a_wildcard_is_a_key_prefix_and_a_star() {
        assert!(is_wildcard("001*") && is_wildcard("a0B*"));
        assert!(!is_wildcard("*") && !is_wildcard("00*") && !is_wildcard("001**") && !is_wildcard("0-1*"));
    }
}
