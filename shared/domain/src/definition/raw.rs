//! The shape of a definition file, before its words are checked against each other.
//!
//! Promises places: every value that a later check may refuse knows where it stands in the file.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDefinition {
    #[serde(rename = "type")]
    pub(super) aggregate_type: Spanned<String>,
    pub(super) plural: Spanned<String>,
    pub(super) objects: Spanned<BTreeMap<Spanned<String>, Spanned<String>>>,
    pub(super) fields: Spanned<Vec<RawField>>,
    pub(super) parent: Option<Spanned<String>>,
    pub(super) status: Option<RawStatus>,
    #[serde(default)]
    pub(super) broadcast: RawBroadcast,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStatus {
    pub(super) field: Spanned<String>,
    #[serde(default)]
    pub(super) expected: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawBroadcast {
    #[serde(default)]
    pub(super) quiet_statuses: Option<Spanned<Vec<String>>>,
    #[serde(default)]
    pub(super) announce_leaving: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawField {
    pub(super) name: Spanned<String>,
    #[serde(rename = "type")]
    pub(super) field_type: Spanned<String>,
    pub(super) searchable: Option<Spanned<bool>>,
    pub(super) salesforce: Option<Spanned<RawOperation>>,
    pub(super) hubspot: Option<Spanned<RawOperation>>,
    pub(super) pipedrive: Option<Spanned<RawOperation>>,
}

#[derive(Debug, Deserialize)]
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
