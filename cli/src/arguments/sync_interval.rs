//! How often a CRM is read: `salesforce=5m`.

use std::str::FromStr;
use std::time::Duration;

use annals_domain::identity::Provider;

const SHORTEST: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SyncInterval {
    pub(crate) provider: Provider,
    pub(crate) every: Duration,
}

impl FromStr for SyncInterval {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let invalid = || "expected a CRM and an interval of at least a minute, such as salesforce=5m".to_owned();
        let (provider, interval) = text.split_once('=').ok_or_else(invalid)?;
        let provider = provider.parse::<Provider>().map_err(|_| invalid())?;
        let unit = interval.chars().last().ok_or_else(invalid)?;
        let seconds = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            _ => return Err(invalid()),
        };
        let number: u64 = interval.trim_end_matches(unit).parse().map_err(|_| invalid())?;
        let every = Duration::from_secs(number.checked_mul(seconds).ok_or_else(invalid)?);
        if every < SHORTEST { Err(invalid()) } else { Ok(Self { provider, every }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_has_a_crm_a_number_and_a_unit() {
        for (text, seconds) in
            [("salesforce=5m", Some(300)), ("salesforce=90s", Some(90)), ("salesforce=1h", Some(3_600))]
        {
            assert_eq!(text.parse().ok().map(|read: SyncInterval| read.every.as_secs()), seconds, "{text}");
        }
        for text in ["5m", "acme=5m", "salesforce=5", "salesforce=m", "salesforce=0m", "salesforce=59s", "salesforce="]
        {
            assert!(text.parse::<SyncInterval>().is_err(), "{text}");
        }
    }
}
