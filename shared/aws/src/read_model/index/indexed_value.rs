//! The forms in which texts and numbers are indexed and compared.
//!
//! A query compares with the same form as the document has, so that both sides call these functions.

use std::borrow::Cow;

use annals_domain::search_text::fold;

/// The number of characters of a text that filters and sorting look at.
const COMPARED: usize = 1_000;
/// The same of its folded form. One character may fold to many, and a keyword has at most 32,766 bytes.
const COMPARED_FOLDED: usize = 8_000;

/// The first characters of a text, which filters and sorting look at.
pub(crate) fn compared_text(text: &str) -> &str {
    first(text, COMPARED)
}

pub(crate) fn folded_text(text: &str) -> String {
    let folded = fold(text);
    first(&folded, COMPARED_FOLDED).to_owned()
}

fn first(text: &str, characters: usize) -> &str {
    if text.len() <= characters {
        return text;
    }
    text.char_indices().nth(characters).map_or(text, |(end, _)| &text[..end])
}

/// The number that these digits are compared as; `None` where they are no number. The document keeps the digits.
pub(crate) fn parsed_number(digits: &str) -> Option<f64> {
    digits.parse::<f64>().ok().map(compared_number)
}

/// The largest float in place of infinity, which OpenSearch refuses, and zero in place of minus zero, which
/// OpenSearch does not treat as equal.
pub(crate) fn compared_number(number: f64) -> f64 {
    number.clamp(f64::MIN, f64::MAX) + 0.0
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
    use super::*;

    #[test]
    fn a_number_that_opensearch_cannot_compare_becomes_the_nearest_one() {
        for (digits, expected) in [("1e999", f64::MAX), ("-1e999", f64::MIN), ("-0.0", 0.0), ("1.50", 1.5)] {
            assert_eq!(parsed_number(digits).map(f64::to_bits), Some(expected.to_bits()), "{digits}");
        }
        assert_eq!(parsed_number("no number"), None);
    }

    #[test]
    fn a_folded_text_is_never_too_long_for_a_keyword() {
        let text = "\u{fdfa}".repeat(1_000);
        assert!(folded_text(&text).len() <= 32_766);
        assert_eq!(compared_text("short"), "short");
        assert_eq!(compared_text(&"é".repeat(1_001)), "é".repeat(1_000));
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
