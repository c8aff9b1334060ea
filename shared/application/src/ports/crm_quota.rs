//! What a CRM lets its clients use in a day.

use std::fmt;

use annals_domain::timestamp::Timestamp;

/// One of the quotas of a CRM. Each is counted by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quota {
    /// Calls a day, of all clients together.
    ApiCalls,
    /// Jobs that read in bulk, a day.
    BulkJobs,
    /// Bytes of results of such jobs, a day.
    BulkBytes,
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ApiCalls => "API calls",
            Self::BulkJobs => "bulk jobs",
            Self::BulkBytes => "bulk bytes",
        })
    }
}

/// How much of a quota all clients of the CRM have used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaUsage {
    pub quota: Quota,
    pub used: u64,
    pub limit: u64,
    /// When all of it can be used again, if the CRM says so.
    pub resets_at: Option<Timestamp>,
}

impl QuotaUsage {
    /// The used part, from 0; above 1 if the CRM lets its clients go beyond the limit.
    #[expect(clippy::cast_precision_loss, reason = "a ratio for people and for a threshold in percent")]
    pub fn ratio(&self) -> f64 {
        if self.limit == 0 { 1.0 } else { self.used as f64 / self.limit as f64 }
    }

    /// Whether that share of the limit, in percent, is used.
    pub fn reaches(&self, percent: u8) -> bool {
        u128::from(self.used) * 100 >= u128::from(self.limit) * u128::from(percent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(used: u64, limit: u64, percent: u8, expected: bool) {
        let usage = QuotaUsage { quota: Quota::ApiCalls, used, limit, resets_at: None };
        assert_eq!(usage.reaches(percent), expected, "{used} of {limit}, {percent} percent");
    }

    #[test]
    fn a_share_is_reached_at_its_last_call() {
        check(49, 100, 50, false);
        check(50, 100, 50, true);
        check(u64::MAX, u64::MAX, 100, true);
        check(0, 15_000, 50, false);
        check(0, 0, 50, true);
    }
}
