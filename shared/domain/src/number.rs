//! Numbers in one text each, so that equal numbers are no change. No number becomes a float on its way.

use serde_json::{Number, Value};

use crate::entity::is_unsafe_integer;

/// How many digits an exponent may add to a plain number. CRM amounts have 18 digits, so this accepts every amount and
/// rejects `1e999`.
const LONGEST_EXPANSION: i64 = 64;

/// The significant digits of a number, and how many of them are before the point.
struct Digits {
    is_negative: bool,
    /// Without zeros at either end; empty for zero.
    significant: String,
    point: i64,
}

impl Digits {
    fn of(number: &str) -> Option<Self> {
        let (is_negative, unsigned) = number.strip_prefix('-').map_or((false, number), |rest| (true, rest));
        let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        let from_first = all.trim_start_matches('0');
        let significant = from_first.trim_end_matches('0').to_owned();
        if significant.is_empty() {
            return Some(Self { is_negative: false, significant, point: 0 });
        }
        let leading = i64::try_from(all.len() - from_first.len()).ok()?;
        let point = i64::try_from(whole.len()).ok()?.checked_add(exponent.parse().ok()?)?.checked_sub(leading)?;
        Some(Self { is_negative, significant, point })
    }

    /// Without an exponent; `None` if that has too many zeros.
    fn plain(&self) -> Option<String> {
        if self.significant.is_empty() {
            return Some("0".to_owned());
        }
        let sign = if self.is_negative { "-" } else { "" };
        let length = i64::try_from(self.significant.len()).ok()?;
        if self.point - length > LONGEST_EXPANSION || self.point < -LONGEST_EXPANSION {
            return None;
        }
        let zeros = |count: i64| "0".repeat(usize::try_from(count).unwrap_or(0));
        let Ok(point @ 1..) = usize::try_from(self.point) else {
            return Some(format!("{sign}0.{}{}", zeros(-self.point), self.significant));
        };
        match self.significant.split_at_checked(point) {
            None | Some((_, "")) => Some(format!("{sign}{}{}", self.significant, zeros(self.point - length))),
            Some((whole, fraction)) => Some(format!("{sign}{whole}.{fraction}")),
        }
    }

    /// With an exponent.
    fn scientific(&self) -> String {
        let sign = if self.is_negative { "-" } else { "" };
        let (first, rest) = self.significant.split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        format!("{sign}{first}{point}{rest}e{:+}", self.point - 1)
    }
}

/// A JSON number without an exponent: `4.50E+2` is `450`, `1.20` is `1.2`.
pub fn plain_decimal(number: &str) -> Option<String> {
    Digits::of(number)?.plain()
}

/// An integer, also if written `1.0` or `1e3`.
pub fn whole(number: &str) -> Option<i64> {
    plain_decimal(number)?.parse().ok()
}

/// The number in the text that all numbers of its value have.
pub fn canonical(number: Number) -> Number {
    let text = Digits::of(number.as_str()).map(|digits| digits.plain().unwrap_or_else(|| digits.scientific()));
    text.and_then(|text| text.parse().ok()).unwrap_or(number)
}

/// A value with all its numbers in their one text.
pub fn canonical_value(value: Value) -> Value {
    match value {
        Value::Number(number) => Value::Number(canonical(number)),
        Value::Array(items) => items.into_iter().map(canonical_value).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, canonical_value(value))).collect(),
        other => other,
    }
}

/// A raw value as readers get it: integers past 2^53 are strings.
pub(crate) fn readable(value: Value) -> Value {
    match value {
        Value::Number(number) if is_unsafe_integer(&number) => Value::String(number.to_string()),
        Value::Array(items) => items.into_iter().map(readable).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, readable(value))).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(numbers: &[&str], expected: &str) {
        for number in numbers {
            let number: Number = number.parse().expect("a number");
            assert_eq!(canonical(number.clone()).as_str(), expected, "{number}");
        }
    }

    #[test]
    fn all_numbers_of_one_value_have_one_text() {
        check(&["0", "-0", "0.00", "-0e5", "0e400", "0e99999999999999999999"], "0");
        check(&["50000", "50000.0", "5e4", "500000E-1"], "50000");
        check(&["-0.5", "-5e-1", "-0.50"], "-0.5");
        check(&["0.001", "1e-3", "0.0010"], "0.001");
        check(&["12.5", "1.25e1", "12.500"], "12.5");
        check(&["1e100", "10E99", "0.1e101"], "1e+100");
        check(&["1.5e-100", "15e-101"], "1.5e-100");
    }

    #[test]
    fn an_exponent_stays_only_where_it_would_add_more_than_64_zeros() {
        check(&["1e64"], &format!("1{}", "0".repeat(64)));
        check(&["12e62"], &format!("12{}", "0".repeat(62)));
        check(&["1e-65"], &format!("0.{}1", "0".repeat(64)));
        check(&["1e65"], "1e+65");
        check(&["12e65"], "1.2e+66");
        check(&["1e-66"], "1e-66");
    }

    #[test]
    fn readers_get_integers_that_they_can_keep() {
        let raw = serde_json::json!({"a": [9_007_199_254_740_992_u64, 9_007_199_254_740_993_u64], "b": {"c": 1.5}});
        let expected = serde_json::json!({"a": [9_007_199_254_740_992_u64, "9007199254740993"], "b": {"c": 1.5}});
        assert_eq!(readable(raw), expected);
        let spelled = serde_json::json!({"a": [1.0], "b": {"c": 2.50}, "d": "1.0"});
        assert_eq!(canonical_value(spelled).to_string(), r#"{"a":[1],"b":{"c":2.5},"d":"1.0"}"#);
    }
}
