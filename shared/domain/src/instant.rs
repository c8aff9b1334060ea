//! Instants, to the millisecond, as every CRM of this project states them.
//!
//! Promises one reading of all forms seen (RFC 3339 with any offset form, Salesforce's `+0000`,
//! epoch milliseconds) and one writing (RFC 3339 in UTC). Does not know the present: that is the
//! `Clock` port's.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The first millisecond of the year 10000, which RFC 3339 can no longer write.
const YEAR_10000_MS: i64 = 253_402_300_800_000;

/// A point in time: milliseconds since 1970 in UTC, before the year 10000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(i64);

/// Why a text or a number is no instant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an instant (RFC 3339 such as 2024-04-09T20:19:25Z, before the year 10000)")]
pub struct NotAnInstant(String);

impl Instant {
    /// The instant at that many milliseconds since 1970; from -9999 on and before the year 10000.
    pub fn from_millis(millis: i64) -> Result<Self, NotAnInstant> {
        let writable = millis < YEAR_10000_MS && Timestamp::from_millisecond(millis).is_ok();
        if writable { Ok(Self(millis)) } else { Err(NotAnInstant(millis.to_string())) }
    }

    /// Milliseconds since 1970.
    pub fn millis(self) -> i64 {
        self.0
    }

    /// This instant moved by `millis`, or the nearest instant that can be written.
    #[must_use]
    pub fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis).clamp(0, YEAR_10000_MS - 1))
    }

    /// The calendar day in UTC.
    pub fn date(self) -> Date {
        self.timestamp().to_zoned(TimeZone::UTC).date()
    }

    fn timestamp(self) -> Timestamp {
        Timestamp::from_millisecond(self.0).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

impl FromStr for Instant {
    type Err = NotAnInstant;

    fn from_str(text: &str) -> Result<Self, NotAnInstant> {
        let refused = || NotAnInstant(text.to_owned());
        // Offsets come as `Z`, `+00:00` and, from Salesforce's REST API, `+0000`; a time without
        // any is refused, since reading it as UTC would be a guess.
        let timestamp: Timestamp = text.parse().map_err(|_| refused())?;
        Self::from_millis(timestamp.as_millisecond()).map_err(|_| refused())
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.timestamp().fmt(f)
    }
}

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Instant {
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
        assert_eq!(text.parse::<Instant>().ok().map(Instant::millis), millis, "{text}");
    }

    #[test]
    fn every_form_seen_reads_as_the_same_instant() {
        check("2019-05-02T11:29:00Z", Some(1_556_796_540_000));
        check("2019-05-02T11:29:00.000Z", Some(1_556_796_540_000));
        check("2019-05-02T11:29:00.000+0000", Some(1_556_796_540_000));
        check("2019-05-02T13:29:00+02:00", Some(1_556_796_540_000));
    }

    #[test]
    fn what_names_no_single_instant_is_refused() {
        check("2019-05-02T11:29:00", None);
        check("2019-05-02", None);
        check("10000-01-01T00:00:00Z", None);
        check("", None);
    }

    #[test]
    fn an_instant_is_written_in_utc_and_read_back() {
        let instant = Instant::from_millis(1_712_693_965_123).expect("in range");
        assert_eq!(instant.to_string(), "2024-04-09T20:19:25.123Z");
        assert_eq!(instant.to_string().parse(), Ok(instant));
    }
}
