//! How many of the day's API calls the org has used, as each response says.

use std::sync::Mutex;
use std::sync::PoisonError;

/// Calls used and calls a day, of all users of the org.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ApiUsage {
    pub(crate) used: u64,
    pub(crate) limit: u64,
}

impl ApiUsage {
    /// Parses `Sforce-Limit-Info`. `None` if it says nothing that can be read: it is a help, not a promise.
    pub(crate) fn parse(header: &str) -> Option<Self> {
        let usage = header.split([';', ',']).find_map(|part| part.trim().strip_prefix("api-usage="))?;
        let (used, limit) = usage.split_once('/')?;
        Some(Self { used: used.trim().parse().ok()?, limit: limit.trim().parse().ok()? })
    }
}

/// The newest usage that a response stated.
#[derive(Debug, Default)]
pub(crate) struct LatestUsage(Mutex<Option<ApiUsage>>);

impl LatestUsage {
    pub(crate) fn note(&self, usage: ApiUsage) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(usage);
    }

    pub(crate) fn get(&self) -> Option<ApiUsage> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(header: &str, expected: Option<(u64, u64)>) {
        let parsed = ApiUsage::parse(header).map(|usage| (usage.used, usage.limit));
        assert_eq!(parsed, expected, "{header}");
    }

    #[test]
    fn the_usage_is_read_in_every_form_and_ignored_if_unreadable() {
        check("api-usage=18/5000", Some((18, 5_000)));
        check("api-usage=25/5000; per-app-api-usage=17/250(appName=sample-connected-app)", Some((25, 5_000)));
        check("api-usage=150/15000;per-app-api-usage=50/5000", Some((150, 15_000)));
        check("per-app-api-usage=2/100, api-usage=12/5000", Some((12, 5_000)));
        check("api-usage=notanumber/15000", None);
        check("per-app-api-usage=2/100", None);
        check("", None);
    }
}
