//! Halves of surrogate pairs that stand alone: `\ud83c`, as a truncated emoji leaves it. No text can hold one, though it
//! is JSON's syntax.

/// The escape of the replacement character.
const REPLACEMENT: &str = "\\ufffd";

/// The length of an escape such as `\ud83c`.
const ESCAPE: usize = 6;

/// Whether an escape in the text is half of a surrogate pair without the other half.
pub fn has_lone_surrogate(text: &str) -> bool {
    lone(text).next().is_some()
}

/// The text with the replacement character for each lone half; `None` if it has none. No position changes.
pub(super) fn replaced(text: &str) -> Option<String> {
    let mut replaced: Option<String> = None;
    for at in lone(text) {
        replaced.get_or_insert_with(|| text.to_owned()).replace_range(at..at + ESCAPE, REPLACEMENT);
    }
    replaced
}

/// Where the escapes of lone halves begin.
fn lone(text: &str) -> impl Iterator<Item = usize> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            at += text.get(at..)?.find('\\')?;
            let begin = at;
            match unit(text, begin) {
                Some(0xD800..=0xDBFF) if matches!(unit(text, begin + ESCAPE), Some(0xDC00..=0xDFFF)) => {
                    at += 2 * ESCAPE;
                }
                Some(0xD800..=0xDFFF) => {
                    at += ESCAPE;
                    return Some(begin);
                }
                // Another escape: its second character may be a backslash.
                _ => at += 1 + text[begin + 1..].chars().next()?.len_utf8(),
            }
        }
    })
}

/// The number in an escape such as `\ud83c` at that position.
fn unit(text: &str, at: usize) -> Option<u16> {
    let digits = text.get(at..at + ESCAPE)?.strip_prefix("\\u")?;
    digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u16::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(replaced(text).as_deref(), expected, "{text}");
        assert_eq!(has_lone_surrogate(text), expected.is_some(), "{text}");
    }

    #[test]
    fn each_lone_half_is_replaced() {
        check(r#""Cut \ud83c""#, Some(r#""Cut \ufffd""#));
        check(r#""\uDF89 \uD83C\uD83C\uDF89""#, Some(r#""\ufffd \ufffd\uD83C\uDF89""#));
        check(r#"{"\ud83c":"\ud83cé"}"#, Some(r#"{"\ufffd":"\ufffdé"}"#));
    }

    #[test]
    fn other_escapes_stay() {
        for text in
            [r#""\ud83c\udf89""#, r#""\\ud83c""#, r#""\"\u0041\n""#, "\"\u{1f389}\"", "", "\\", "\\u", "\\\u{e9}"]
        {
            check(text, None);
        }
        check(r#""\\\ud83c""#, Some(r#""\\\ufffd""#));
    }

    proptest! {
        #[test]
        fn what_is_replaced_is_json_without_lone_halves(units in prop::collection::vec(0xD700_u16..0xE100, 0..8)) {
            let escapes: String = units.iter().map(|unit| format!("\\u{unit:04x}")).collect();
            let text = format!("\"{escapes}\"");
            let read = serde_json::from_str::<String>(&replaced(&text).unwrap_or_else(|| text.clone()));
            prop_assert_eq!(read.ok(), Some(String::from_utf16_lossy(&units)));
        }
    }
}
