//! Integers and timestamps as Salesforce writes them, also as text. No number becomes a float on its way.

use annals_domain::number;
use annals_domain::timestamp::Timestamp;
use annals_json::Json;
use serde_json::Number;

/// The integer that a number is, in any notation: `1`, `1.0` and `1e3` are integers.
pub(super) fn whole(number: &Number) -> Option<i64> {
    let text = number.as_str();
    text.parse().ok().or_else(|| number::whole(text))
}

/// An integer as a number or, as clients print large ones, as a text of its digits.
pub(super) fn integer(value: &Json<'_>) -> Option<i64> {
    let digits = |text: &str| text.strip_prefix('-').unwrap_or(text).bytes().all(|byte| byte.is_ascii_digit());
    let from_text = || value.as_str().filter(|text| digits(text))?.parse().ok();
    value.as_number().and_then(whole).or_else(from_text)
}

/// A timestamp as epoch milliseconds, or as text in any supported form.
pub(super) fn timestamp(number: Option<&Number>, text: Option<&str>) -> Option<Timestamp> {
    match (number, text) {
        (Some(number), _) => Timestamp::from_number(whole(number)?),
        (None, text) => text?.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use annals_json as json;

    #[track_caller]
    fn check(text: &str, expected: Option<i64>) {
        let value = json::read(text).unwrap();
        assert_eq!(whole(value.as_number().expect(text)), expected, "{text}");
    }

    #[test]
    fn an_integer_is_read_in_any_notation() {
        for (text, value) in
            [("7", 7), ("-7", -7), ("1.0", 1), ("1e3", 1000), ("12.50E1", 125), ("0.001e3", 1), ("-0", 0), ("0.0", 0)]
        {
            check(text, Some(value));
        }
        check("0e99999999999999999999", Some(0));
        check("1000e-3", Some(1));
        check("-9.223372036854775808e18", Some(i64::MIN));
    }

    #[test]
    fn integers_beyond_two_to_the_53_are_exact() {
        check("1778192987716501506", Some(1_778_192_987_716_501_506));
        check("1778192987716501506.0", Some(1_778_192_987_716_501_506));
        check("9223372036854775807", Some(i64::MAX));
    }

    #[test]
    fn a_fraction_or_a_number_beyond_64_bits_is_none() {
        for text in [
            "1.5",
            "1e-1",
            "9223372036854775808",
            "1e19",
            "1e999999999",
            "1e99999999999999999999",
            "1e-99999999999999999999",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn timestamps_come_as_milliseconds_or_text() {
        let at = |text: &str| {
            let value = json::read(text).unwrap();
            timestamp(value.as_number(), value.as_str()).map(Timestamp::millis)
        };
        assert_eq!(at("1714172795000"), Some(1_714_172_795_000));
        assert_eq!(at("\"2024-01-15T10:30:00.000+0000\""), Some(1_705_314_600_000));
        assert_eq!(at("\"2019-05-02T11:29:00Z\""), Some(1_556_796_540_000));
        assert_eq!(at("\"soon\""), None);
        assert_eq!(at("null"), None);
        assert_eq!(at("1e300"), None);
    }
}
