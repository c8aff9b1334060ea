//! The schedule: how often the objects of which type are read without an event that asks.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use annals_domain::definition::{Catalog, EntityDefinition, ReadInterval};
use annals_domain::identity::Provider;

/// How often the objects of the connected CRMs are read: by type or by CRM, as in `salesforce=5m,contracts=1h`.
///
/// What is set for a type counts first, then what its definition says, then what is set for the CRM.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SyncSchedule(BTreeMap<String, ReadInterval>);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidSchedule(String);

/// How often an object is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ReadIntervals {
    /// What was modified.
    pub(super) modified: Option<ReadInterval>,
    /// Everything, with calculated fields and deletions.
    pub(super) everything: Option<ReadInterval>,
}

impl SyncSchedule {
    /// Checks that each name is a connected CRM's or a type's that one of them has, and names no type a second time.
    pub fn check(&self, catalog: &Catalog, connected: &BTreeSet<Provider>) -> Result<(), InvalidSchedule> {
        let mut names = BTreeMap::new();
        for name in self.0.keys() {
            if let Ok(provider) = name.parse::<Provider>() {
                if !connected.contains(&provider) {
                    return Err(InvalidSchedule(format!("no {provider} connection is set up to sync")));
                }
                continue;
            }
            let objects = catalog.objects_named(name);
            if !objects.iter().any(|(provider, _)| connected.contains(provider)) {
                return Err(InvalidSchedule(format!(
                    "invalid name `{name}` in the sync: expected a connected CRM, or an entity type that it has"
                )));
            }
            if let Some(other) = objects.into_iter().find_map(|object| names.insert(object, name)) {
                return Err(InvalidSchedule(format!(
                    "`{other}` and `{name}` are names of one entity type: expected one interval for each type"
                )));
            }
        }
        Ok(())
    }

    /// Without an interval of its own everything is read once a day, if modified records are read by the schedule at all.
    pub(super) fn intervals(&self, definition: &EntityDefinition, provider: Provider) -> ReadIntervals {
        let set = definition.names_at(provider).find_map(|name| self.0.get(name)).copied();
        let modified = set.or(definition.sync.modified).or_else(|| self.0.get(provider.as_str()).copied());
        let everything = definition.sync.everything.or(modified.map(|_| ReadInterval::DAILY));
        ReadIntervals { modified, everything }
    }
}

impl FromStr for SyncSchedule {
    type Err = InvalidSchedule;

    fn from_str(text: &str) -> Result<Self, InvalidSchedule> {
        const EXPECTED: &str = "expected a CRM or an entity type and an interval, such as salesforce=5m";
        let mut intervals = BTreeMap::new();
        // A setting may be there and empty.
        for part in text.split(',').filter(|_| !text.trim().is_empty()) {
            let (name, interval) = part
                .split_once('=')
                .filter(|(name, _)| !name.trim().is_empty())
                .ok_or_else(|| InvalidSchedule(format!("invalid value `{part}`: {EXPECTED}")))?;
            let interval =
                interval.trim().parse().map_err(|error| InvalidSchedule(format!("invalid value `{part}`: {error}")))?;
            if intervals.insert(name.trim().to_owned(), interval).is_some() {
                return Err(InvalidSchedule(format!("`{}` has two intervals", name.trim())));
            }
        }
        Ok(Self(intervals))
    }
}

#[cfg(test)]
mod tests {
    use annals_domain::definition::DefinitionFile;
    use annals_domain::testing::PlainAdapter;

    use super::*;

    fn catalog(sync: &str) -> Catalog {
        let text = format!(
            "type = \"thing\"\nplural = \"things\"\n[objects]\nsalesforce = \"Thing__c\"\n[sync]\n{sync}\n\
             [[fields]]\nname = \"id\"\ntype = \"id\"\nsalesforce = {{ copy = \"Id\" }}\n"
        );
        let file = DefinitionFile { name: "thing.toml".to_owned(), text };
        Catalog::load(&[file], &PlainAdapter::alone()).expect("a valid definition")
    }

    /// The intervals of `things`, in seconds.
    #[track_caller]
    fn check(set: &str, definition: &str, expected: (Option<u64>, Option<u64>)) {
        let schedule = if set.is_empty() { SyncSchedule::default() } else { set.parse().expect("a valid schedule") };
        let found = schedule.intervals(&catalog(definition).definitions()[0], Provider::Salesforce);
        let seconds = |interval: Option<ReadInterval>| interval.map(|interval| interval.duration().as_secs());
        assert_eq!((seconds(found.modified), seconds(found.everything)), expected, "{set} {definition}");
    }

    #[test]
    fn a_types_setting_counts_before_its_definition_and_that_before_the_setting_of_its_crm() {
        const DAY: Option<u64> = Some(86_400);
        check("", "", (None, None));
        check("salesforce=5m", "", (Some(300), DAY));
        check("salesforce=5m", "modified = \"1h\"", (Some(3_600), DAY));
        for name in ["things", "thing", "Thing__c"] {
            check(&format!("salesforce=5m,{name}=2m"), "modified = \"1h\"", (Some(120), DAY));
        }
        check("", "modified = \"1h\"", (Some(3_600), DAY));
        check("", "everything = \"6h\"", (None, Some(21_600)));
        check("salesforce=5m", "everything = \"6h\"", (Some(300), Some(21_600)));
    }

    #[test]
    fn an_invalid_schedule_is_refused_with_what_is_expected() {
        let refused = |text: &str| text.parse::<SyncSchedule>().err().map(|error| error.to_string());
        let expected = "expected a CRM or an entity type and an interval, such as salesforce=5m";
        assert_eq!(refused("5m"), Some(format!("invalid value `5m`: {expected}")));
        assert_eq!(refused("=5m"), Some(format!("invalid value `=5m`: {expected}")));
        let interval = "expected an interval from 1m to 1d, such as 90s, 5m, 6h or 1d";
        assert_eq!(refused("salesforce=5"), Some(format!("invalid value `salesforce=5`: {interval}")));
        assert_eq!(refused("things=5m,things=1h"), Some("`things` has two intervals".to_owned()));
        assert_eq!((refused("salesforce=5m, things = 1h"), refused(" ")), (None, None));
    }

    #[test]
    fn each_name_must_be_a_connected_crm_or_a_type_that_it_has_and_a_type_has_one() {
        let refused = |text: &str, connected: &[Provider]| {
            let schedule: SyncSchedule = text.parse().expect("a valid schedule");
            schedule.check(&catalog(""), &connected.iter().copied().collect()).err().map(|error| error.to_string())
        };
        let salesforce = [Provider::Salesforce];
        assert_eq!(refused("salesforce=5m,things=1h", &salesforce), None);
        assert_eq!(refused("hubspot=5m", &salesforce).as_deref(), Some("no hubspot connection is set up to sync"));
        let message = "in the sync: expected a connected CRM, or an entity type that it has";
        assert_eq!(refused("leads=5m", &salesforce), Some(format!("invalid name `leads` {message}")));
        let message_of_two =
            "`Thing__c` and `things` are names of one entity type: expected one interval for each type";
        assert_eq!(refused("things=5m,Thing__c=1h", &salesforce).as_deref(), Some(message_of_two));
        assert_eq!(refused("things=5m", &[]), Some(format!("invalid name `things` {message}")));
    }
}
