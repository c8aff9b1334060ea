//! The form of a definition file, before its values are checked against each other.
//!
//! The build reads this module too: it writes the shipped definitions in a binary form that needs no parsing at start.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use toml::Spanned;

/// A value and its byte offset in its file, for errors; 0 for a value of the binary form.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Located<T> {
    pub(super) value: T,
    pub(super) start: usize,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Located<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The binary form has no offsets.
        if !deserializer.is_human_readable() {
            return Ok(Self { value: T::deserialize(deserializer)?, start: 0 });
        }
        let spanned = Spanned::deserialize(deserializer)?;
        let start = spanned.span().start;
        Ok(Self { value: spanned.into_inner(), start })
    }
}

impl<T: Serialize> Serialize for Located<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDefinition {
    #[serde(rename = "type")]
    pub(super) aggregate_type: Located<String>,
    pub(super) plural: Located<String>,
    pub(super) objects: Located<BTreeMap<Located<String>, Located<String>>>,
    pub(super) fields: Located<Vec<RawField>>,
    pub(super) parent: Option<Located<String>>,
    pub(super) status: Option<RawStatus>,
    #[serde(default)]
    pub(super) broadcast: RawBroadcast,
    #[serde(default)]
    pub(super) sync: RawSync,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSync {
    pub(super) modified: Option<Located<String>>,
    pub(super) everything: Option<Located<String>>,
    #[serde(default)]
    pub(super) calculated: Vec<Located<String>>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStatus {
    pub(super) field: Located<String>,
    #[serde(default)]
    pub(super) expected: Vec<String>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawBroadcast {
    #[serde(default)]
    pub(super) quiet_statuses: Option<Located<Vec<String>>>,
    #[serde(default)]
    pub(super) announce_leaving: bool,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawField {
    pub(super) name: Located<String>,
    #[serde(rename = "type")]
    pub(super) field_type: Located<String>,
    pub(super) searchable: Option<Located<bool>>,
    pub(super) salesforce: Option<Located<RawOperation>>,
    pub(super) hubspot: Option<Located<RawOperation>>,
    pub(super) pipedrive: Option<Located<RawOperation>>,
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
