//! The forms in which texts and numbers are indexed and compared.
//!
//! A query compares with the same form as the document has, so that both sides call these functions.

use std::borrow::Cow;

use annals_application::ports::compared_number;

/// The number that these digits are compared as; `None` where they are no number. The document keeps the digits.
pub(crate) fn parsed_number(digits: &str) -> Option<f64> {
    digits.parse::<f64>().ok().map(compared_number)
}

/// A folded text as it is stored and searched. OpenSearch's wildcard type loses escaped backslashes, so `*`, `?`
/// and `\` are stored as capital letters, which no folded text contains.
pub(crate) fn searchable_text(folded: &str) -> Cow<'_, str> {
    if !folded.contains(['*', '?', '\\']) {
        return Cow::Borrowed(folded);
    }
    let replaced = |c| match c {
        '*' => 'A',
        '?' => 'B',
        '\\' => 'C',
        other => other,
    };
    Cow::Owned(folded.chars().map(replaced).collect())
}

#[cfg(test)]
mod tests {
    use annals_domain::search_text::fold;

    use super::*;

    #[test]
    fn a_number_that_opensearch_cannot_compare_becomes_the_nearest_one() {
        for (digits, expected) in [("1e999", f64::MAX), ("-1e999", f64::MIN), ("-0.0", 0.0), ("1.50", 1.5)] {
            assert_eq!(parsed_number(digits).map(f64::to_bits), Some(expected.to_bits()), "{digits}");
        }
        assert_eq!(parsed_number("no number"), None);
    }

    #[test]
    fn no_folded_character_is_one_of_the_letters_in_place_of_wildcards() {
        for c in (char::MIN..=char::MAX).map(|c| fold(&c.to_string())) {
            assert!(!c.contains(|c: char| c.is_ascii_uppercase()), "{c}");
        }
    }

    #[test]
    fn wildcards_are_stored_as_letters() {
        assert_eq!(searchable_text("a*b?c\\d"), "aAbBcCd");
        assert!(matches!(searchable_text("plain"), Cow::Borrowed("plain")));
    }
}
