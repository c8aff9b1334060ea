//! The forms in which values are compared. Documents and queries are brought into the same form, so that all adapters
//! find the same.

use annals_domain::search_text::fold;

/// The number of characters of a text that filters and sorting look at.
const COMPARED: usize = 1_000;
/// The same of its folded form. One character may fold to many, and OpenSearch indexes at most 32,766 bytes.
const COMPARED_FOLDED: usize = 8_000;

/// The first characters of a text, which filters and sorting look at.
pub fn compared_text(text: &str) -> &str {
    first(text, COMPARED)
}

/// A text, folded, as far as filters and sorting look at it.
pub fn folded_text(text: &str) -> String {
    let mut folded = fold(compared_text(text));
    let end = first(&folded, COMPARED_FOLDED).len();
    folded.truncate(end);
    folded
}

fn first(text: &str, characters: usize) -> &str {
    if text.len() <= characters {
        return text;
    }
    text.char_indices().nth(characters).map_or(text, |(end, _)| &text[..end])
}

/// The largest float in place of infinity, which OpenSearch refuses, and zero in place of minus zero, which
/// OpenSearch does not treat as equal.
pub fn compared_number(number: f64) -> f64 {
    number.clamp(f64::MIN, f64::MAX) + 0.0
}

/// The first text, by code point, after all texts with this prefix; `None` if there is none.
pub fn prefix_end(prefix: &str) -> Option<String> {
    let mut characters: Vec<char> = prefix.chars().collect();
    while let Some(last) = characters.pop() {
        let next = match last {
            // No characters are between these two.
            '\u{d7ff}' => Some('\u{e000}'),
            char::MAX => None,
            other => char::from_u32(u32::from(other) + 1),
        };
        if let Some(next) = next {
            characters.push(next);
            return Some(characters.into_iter().collect());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_compared_by_its_first_thousand_characters() {
        assert_eq!(compared_text("short"), "short");
        assert_eq!(compared_text(&"é".repeat(1_001)), "é".repeat(1_000));
        assert!(folded_text(&"\u{fdfa}".repeat(1_000)).len() <= 32_766);
        assert_eq!(folded_text(&"É".repeat(1_001)), "e".repeat(1_000));
    }

    #[test]
    fn a_number_that_opensearch_cannot_compare_becomes_the_nearest_one() {
        for (number, expected) in [(f64::INFINITY, f64::MAX), (f64::NEG_INFINITY, f64::MIN), (-0.0, 0.0), (1.5, 1.5)] {
            assert_eq!(compared_number(number).to_bits(), f64::to_bits(expected), "{number}");
        }
    }

    #[test]
    fn the_end_of_a_prefix_is_above_every_text_with_it_and_not_above_the_next() {
        for (prefix, expected) in [
            ("a", Some("b")),
            ("az", Some("a{")),
            ("a\u{10ffff}\u{10ffff}", Some("b")),
            ("\u{d7ff}", Some("\u{e000}")),
            ("\u{10ffff}", None),
            ("", None),
        ] {
            assert_eq!(prefix_end(prefix).as_deref(), expected, "{prefix:?}");
        }
    }
}
