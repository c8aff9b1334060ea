//! Timestamps, to the millisecond, as the CRMs state them.
//!
//! Reads every form observed (RFC 3339 with any offset, Salesforce's `+0000`, epoch milliseconds) and writes one:
//! RFC 3339 in UTC. The current time comes from the `Clock` port.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The latest timestamp that can be written: 9999-12-30T22:00:00Z. RFC 3339 has four digits for the year, and every
/// offset has this one before the year 10000.
const LATEST_MS: i64 = 253_402_207_200_000;

const DAY_MS: i64 = 86_400_000;

/// Smaller numbers are seconds until the year 5138.
const SMALLEST_MILLIS: u64 = 100_000_000_000;

/// A point in time: milliseconds since 1970 in UTC, before the last day of the year 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid timestamp `{0}`: expected RFC 3339 such as 2024-04-09T20:19:25Z, before the year 10000")]
pub struct InvalidTimestamp(String);

impl Timestamp {
    /// The start of 1970: no change of a CRM is earlier.
    pub const EARLIEST: Self = Self(0);

    /// `millis` since 1970, in the years -9999 to 9999.
    pub fn from_millis(millis: i64) -> Result<Self, InvalidTimestamp> {
        let is_writable = jiff::Timestamp::from_millisecond(millis).is_ok();
        if is_writable { Ok(Self(millis)) } else { Err(InvalidTimestamp(millis.to_string())) }
    }

    /// A number from a CRM, as milliseconds since 1970. `None` for one that is more likely to be seconds or days: of the
    /// years 1966 to 1973 only midnights are taken.
    pub fn from_number(number: i64) -> Option<Self> {
        Self::from_midnight(number).or_else(|| {
            let is_millis = number.unsigned_abs() >= SMALLEST_MILLIS;
            Self::from_millis(number).ok().filter(|_| is_millis)
        })
    }

    /// A number from a CRM that stands for a day, as the milliseconds of its start; `None` for any other time of day.
    pub fn from_midnight(number: i64) -> Option<Self> {
        Self::from_millis(number).ok().filter(|_| number % DAY_MS == 0)
    }

    /// Milliseconds since 1970 in UTC.
    pub fn millis(self) -> i64 {
        self.0
    }

    /// The timestamp `millis` later (earlier if negative), limited to the years 1970 to 9999.
    #[must_use]
    pub fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis).clamp(0, LATEST_MS))
    }

    /// The calendar day in UTC.
    pub fn date(self) -> Date {
        self.to_jiff().to_zoned(TimeZone::UTC).date()
    }

    fn to_jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    fn from_str(text: &str) -> Result<Self, InvalidTimestamp> {
        let invalid = || InvalidTimestamp(text.to_owned());
        // Offsets come as `Z`, `+00:00` and, from Salesforce's REST API, `+0000`. A time without an offset
        // is rejected, because reading it as UTC would be a guess.
        let timestamp: jiff::Timestamp = text.parse().map_err(|_| invalid())?;
        Self::from_millis(timestamp.as_millisecond()).map_err(|_| invalid())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_jiff().fmt(f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, millis: Option<i64>) {
        assert_eq!(text.parse::<Timestamp>().ok().map(Timestamp::millis), millis, "{text}");
    }

    #[test]
    fn every_form_of_one_timestamp_reads_the_same() {
        check("2019-05-02T11:29:00Z", Some(1_556_796_540_000));
        check("2019-05-02T11:29:00.000Z", Some(1_556_796_540_000));
        check("2019-05-02T11:29:00.000+0000", Some(1_556_796_540_000));
        check("2019-05-02T13:29:00+02:00", Some(1_556_796_540_000));
    }

    #[test]
    fn a_text_that_is_not_exactly_one_timestamp_is_rejected() {
        check("2019-05-02T11:29:00", None);
        check("2019-05-02", None);
        check("10000-01-01T00:00:00Z", None);
        check("", None);
    }

    #[test]
    fn a_timestamp_is_in_the_years_that_can_be_written() {
        let is_valid = |millis: i64| Timestamp::from_millis(millis).is_ok();
        assert!(is_valid(253_402_207_200_000), "9999-12-30T22:00:00Z");
        assert!(!is_valid(253_402_207_200_001) && !is_valid(i64::MAX));
        assert!(is_valid(-62_135_596_800_000), "the year 1");
        assert!(!is_valid(i64::MIN));
    }

    #[test]
    fn a_number_is_milliseconds_if_it_is_too_large_for_seconds_or_a_midnight() {
        let read = |number: i64| Timestamp::from_number(number).map(Timestamp::millis);
        for number in [100_000_000_000, -100_000_000_000, 1_653_955_200_001, 86_400_000, -86_400_000, 0] {
            assert_eq!(read(number), Some(number));
        }
        for number in [99_999_999_999, -99_999_999_999, 1_653_955_200, 86_400_001, 1, 253_402_300_800_000] {
            assert_eq!(read(number), None, "{number}");
        }
        let midnight = |number: i64| Timestamp::from_midnight(number).map(|at| at.date().to_string());
        assert_eq!(midnight(1_653_955_200_000).as_deref(), Some("2022-05-31"));
        assert_eq!(midnight(1_653_955_200_001), None);
    }

    #[test]
    fn a_sum_stays_in_the_years_1970_to_9999() {
        let plus =
            |millis: i64, more: i64| Timestamp::from_millis(millis).expect("in range").plus_millis(more).millis();
        assert_eq!((plus(5_000, 1_000), plus(5_000, -1_000)), (6_000, 4_000));
        assert_eq!((plus(5_000, -9_000), plus(5_000, i64::MIN)), (0, 0));
        let latest = 253_402_207_200_000;
        assert_eq!((plus(5_000, i64::MAX), plus(latest, 0), plus(latest, 1)), (latest, latest, latest));
        let text = Timestamp::EARLIEST.plus_millis(i64::MAX).to_string();
        assert_eq!(text, "9999-12-30T22:00:00Z", "it can be written");
    }

    #[test]
    fn a_timestamp_is_a_text_in_json() {
        let timestamp = Timestamp::from_millis(1_712_693_965_123).expect("in range");
        assert_eq!(serde_json::to_string(&timestamp).expect("a text"), "\"2024-04-09T20:19:25.123Z\"");
        let read = |json: &str| serde_json::from_str::<Timestamp>(json).ok();
        assert_eq!(read("\"2024-04-09T22:19:25.123+02:00\""), Some(timestamp));
        assert_eq!((read("\"soon\""), read("1712693965123")), (None, None));
    }

    #[test]
    fn a_timestamp_is_written_in_utc_and_read_back() {
        let timestamp = Timestamp::from_millis(1_712_693_965_123).expect("in range");
        assert_eq!(timestamp.to_string(), "2024-04-09T20:19:25.123Z");
        assert_eq!(timestamp.to_string().parse(), Ok(timestamp));
    }
}
