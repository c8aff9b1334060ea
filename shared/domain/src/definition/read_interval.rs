//! How often records are read: `90s`, `5m`, `6h` or `1d`.

use std::str::FromStr;
use std::time::Duration;

const MINUTE: u64 = 60;
const DAY: u64 = 24 * 3_600;

/// A whole number of seconds, from a minute to a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReadInterval(u64);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected an interval from 1m to 1d, such as 90s, 5m, 6h or 1d")]
pub struct InvalidReadInterval;

impl ReadInterval {
    /// The longest.
    pub const DAILY: Self = Self(DAY);

    pub fn duration(self) -> Duration {
        Duration::from_secs(self.0)
    }
}

impl FromStr for ReadInterval {
    type Err = InvalidReadInterval;

    fn from_str(text: &str) -> Result<Self, InvalidReadInterval> {
        let unit = match text.as_bytes().last() {
            Some(b's') => 1,
            Some(b'm') => MINUTE,
            Some(b'h') => 3_600,
            Some(b'd') => DAY,
            _ => return Err(InvalidReadInterval),
        };
        let number: u64 = text[..text.len() - 1].parse().map_err(|_| InvalidReadInterval)?;
        let seconds = number.checked_mul(unit).filter(|seconds| (MINUTE..=DAY).contains(seconds));
        seconds.map(Self).ok_or(InvalidReadInterval)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_has_a_number_and_a_unit_and_is_a_minute_to_a_day_long() {
        let seconds = |text: &str| text.parse().ok().map(|interval: ReadInterval| interval.duration().as_secs());
        for (text, expected) in [("60s", 60), ("90s", 90), ("5m", 300), ("1h", 3_600), ("24h", 86_400), ("1d", 86_400)]
        {
            assert_eq!(seconds(text), Some(expected), "{text}");
        }
        for text in ["", "5", "m", "5 m", "0m", "59s", "2d", "25h", "-5m", "5µ", "18446744073709551615d"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
