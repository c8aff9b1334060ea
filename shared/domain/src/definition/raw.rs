//! The schema of a definition file, before its words are checked against each other.
//!
//! Promises places: every value that a later check may refuse knows where it stands in the file. The
//! build reads this module too: it writes the definitions that ship down in a form that needs no parsing.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use toml::Spanned;

/// A value and where it begins in its file, in bytes; 0 where it comes from no file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Placed<T> {
    pub(super) value: T,
    pub(super) start: usize,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Placed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // What is written for machines has no places.
        if !deserializer.is_human_readable() {
            return Ok(Self { value: T::deserialize(deserializer)?, start: 0 });
        }
        let spanned = Spanned::deserialize(deserializer)?;
        let start = spanned.span().start;
        Ok(Self { value: spanned.into_inner(), start })
    }
}

impl<T: Serialize> Serialize for Placed<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDefinition {
    #[serde(rename = "type")]
    pub(super) aggregate_type: Placed<String>,
    pub(super) plural: Placed<String>,
    pub(super) objects: Placed<BTreeMap<Placed<String>, Placed<String>>>,
    pub(super) fields: Placed<Vec<RawField>>,
    pub(super) parent: Option<Placed<String>>,
    pub(super) status: Option<RawStatus>,
    #[serde(default)]
    pub(super) broadcast: RawBroadcast,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStatus {
    pub(super) field: Placed<String>,
    #[serde(default)]
    pub(super) expected: Vec<String>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawBroadcast {
    #[serde(default)]
    pub(super) quiet_statuses: Option<Placed<Vec<String>>>,
    #[serde(default)]
    pub(super) announce_leaving: bool,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawField {
    pub(super) name: Placed<String>,
    #[serde(rename = "type")]
    pub(super) field_type: Placed<String>,
    pub(super) searchable: Option<Placed<bool>>,
    pub(super) salesforce: Option<Placed<RawOperation>>,
    pub(super) hubspot: Option<Placed<RawOperation>>,
    pub(super) pipedrive: Option<Placed<RawOperation>>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawOperation {
    pub(super) copy: Option<String>,
    pub(super) first_of: Option<Vec<String>>,
    pub(super) split: Option<String>,
    pub(super) on: Option<String>,
    pub(super) datetime: Option<String>,
    pub(super) date: Option<String>,
    pub(super) bool: Option<String>,
    pub(super) number: Option<String>,
    pub(super) decimal: Option<String>,
}
