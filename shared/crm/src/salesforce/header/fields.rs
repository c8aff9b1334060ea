//! The header's fields, one by one.
//!
//! Promises an issue for each value that does not fit. Long lists of bad values are counted, not
//! listed: an issue is for a reader.

use std::collections::HashSet;

use annals_domain::identity::ExternalId;
use annals_domain::timestamp::Timestamp;
use annals_domain::validation_issue::ValidationIssue;

use super::Records;
use crate::salesforce::change_type::ChangeType;
use crate::salesforce::envelope::HEADER;
use crate::salesforce::{ids, scalar};
use annals_json::{Json, Object};

const CHANGE_TYPES: &str =
    "CREATE, UPDATE, DELETE, UNDELETE, GAP_CREATE, GAP_UPDATE, GAP_DELETE, GAP_UNDELETE or GAP_OVERFLOW";
const AN_ID: &str = "an id of 15 or 18 letters and digits";
const OWN_ID: &str = "a record's own id would (only GAP_OVERFLOW has the empty one)";

/// How long an object's API name may be. Salesforce's own have 60 characters at most, and a suffix;
/// what is stored of a record is kept under names made of it.
const LONGEST_NAME: usize = 120;

/// How many issues one list makes.
const MOST_FINDINGS: usize = 20;

/// How much of a value an issue shows.
const MOST_SHOWN: usize = 60;

/// A header's fields as they came, and what was found in them so far.
pub(super) struct Fields<'a> {
    map: &'a Object<'a>,
    pub(super) errors: Vec<ValidationIssue>,
    pub(super) warnings: Vec<ValidationIssue>,
}

impl<'a> Fields<'a> {
    pub(super) fn of(map: &'a Object<'a>) -> Self {
        Self { map, errors: Vec::new(), warnings: Vec::new() }
    }

    pub(super) fn entity_name(&mut self) -> Option<&'a str> {
        let fits = "an object's API name such as Account";
        let name = self.required("entityName", fits, |value| value.as_str().filter(|name| is_api_name(name)))?;
        if name.len() > LONGEST_NAME {
            let message = format!("has {} characters; an object's API name has {LONGEST_NAME} at most", name.len());
            self.errors.push(ValidationIssue::new(path("entityName"), message));
            return None;
        }
        Some(name)
    }

    pub(super) fn change_type(&mut self) -> Option<ChangeType> {
        self.required("changeType", CHANGE_TYPES, |value| ChangeType::named(value.as_str()?))
    }

    pub(super) fn commit_timestamp(&mut self) -> Option<Timestamp> {
        let fits = "a positive number of milliseconds before the year 10000";
        self.required("commitTimestamp", fits, |value| {
            let millis = value.as_number().and_then(scalar::whole).filter(|millis| *millis > 0)?;
            Timestamp::from_millis(millis).ok()
        })
    }

    /// An integer that may be missing, with a warning; null is no integer.
    pub(super) fn integer(&mut self, field: &'static str) -> Option<i64> {
        if !self.map.contains_key(field) {
            self.warn_of_missing(field);
            return None;
        }
        self.required(field, "an integer of 64 bits", |value| value.as_number().and_then(scalar::whole))
    }

    pub(super) fn records(&mut self, change_type: Option<ChangeType>) -> Option<Records> {
        let fits = "a list of at least one id";
        let list = self.required("recordIds", fits, |value| value.as_array().filter(|list| !list.is_empty()))?;
        let wildcard = list.iter().filter_map(Json::as_str).find(|id| ids::is_wildcard(id));
        let is_overflow = change_type == Some(ChangeType::GapOverflow);
        let ids = self.record_ids(list, is_overflow)?;
        Some(match wildcard {
            _ if is_overflow => {
                Records::All("GAP_OVERFLOW: more changes in one transaction than are told one by one".to_owned())
            }
            Some(wildcard) => Records::All(format!("recordIds has `{wildcard}`: all records of the object")),
            None => Records::Each(ids),
        })
    }

    fn record_ids(&mut self, list: &[Json<'_>], is_overflow: bool) -> Option<Vec<ExternalId>> {
        let mut ids = Vec::with_capacity(list.len());
        let mut bad = Vec::new();
        for (index, value) in list.iter().enumerate() {
            let text = value.as_str().unwrap_or_default();
            match ids::canonical(text) {
                Some(id) if is_overflow || !ids::is_empty_id(&id) => ids.push(id),
                Some(_) => bad.push((index, format!("`{}` does not fit; {OWN_ID}", shown(value)))),
                None if ids::is_wildcard(text) => {}
                None => bad.push((index, format!("`{}` does not fit; {AN_ID} would", shown(value)))),
            }
        }
        if ids.len() > 1 {
            let mut seen = HashSet::with_capacity(ids.len());
            ids.retain(|id| seen.insert(id.clone()));
        }
        self.refuse_entries("recordIds", bad).then_some(ids)
    }

    pub(super) fn changed_fields(&mut self) -> Option<Vec<&'a str>> {
        let list = self.map.get("changedFields")?;
        let fits = "a list of field names";
        let Some(entries) = list.as_array() else {
            self.errors.push(misfit("changedFields", list, fits));
            return None;
        };
        let not_texts = entries.iter().enumerate().filter(|(_, entry)| entry.as_str().is_none());
        let bad =
            not_texts.map(|(index, entry)| (index, format!("`{}` does not fit; a field name would", shown(entry))));
        let bad = bad.collect();
        self.refuse_entries("changedFields", bad).then(|| entries.iter().filter_map(Json::as_str).collect())
    }

    /// Takes the issues of a list's entries; whether there are none.
    fn refuse_entries(&mut self, field: &str, bad: Vec<(usize, String)>) -> bool {
        let (is_clean, more) = (bad.is_empty(), bad.len().saturating_sub(MOST_FINDINGS));
        let listed = bad.into_iter().take(MOST_FINDINGS);
        self.errors
            .extend(listed.map(|(index, message)| ValidationIssue::new(format!("{HEADER}.{field}[{index}]"), message)));
        if more > 0 {
            self.errors.push(ValidationIssue::new(path(field), format!("{more} more entries do not fit")));
        }
        is_clean
    }

    /// A text that may be missing; anything else is passed over with a warning.
    pub(super) fn text(&mut self, field: &'static str) -> Option<&'a str> {
        self.optional(field, "a text", Json::as_str)
    }

    /// A list of names that may be missing; anything else is passed over with a warning.
    pub(super) fn optional_names(&mut self, field: &'static str) -> Option<Vec<&'a str>> {
        self.optional(field, "a list of field names", |value| value.as_array()?.iter().map(Json::as_str).collect())
    }

    pub(super) fn warn_of_missing(&mut self, field: &str) {
        self.warnings.push(ValidationIssue::new(path(field), "missing; the change is taken with what it has"));
    }

    fn required<T>(&mut self, field: &str, fits: &str, read: impl FnOnce(&'a Json<'a>) -> Option<T>) -> Option<T> {
        let Some(value) = self.map.get(field) else {
            self.errors.push(ValidationIssue::new(path(field), format!("missing; {fits} would fit")));
            return None;
        };
        let found = read(value);
        if found.is_none() {
            self.errors.push(misfit(field, value, fits));
        }
        found
    }

    fn optional<T>(&mut self, field: &str, fits: &str, read: impl FnOnce(&'a Json<'a>) -> Option<T>) -> Option<T> {
        let value = self.map.get(field)?;
        let found = read(value);
        if found.is_none() {
            let message = format!("`{}` does not fit and is passed over; {fits} would", shown(value));
            self.warnings.push(ValidationIssue::new(path(field), message));
        }
        found
    }
}

fn path(field: &str) -> String {
    format!("{HEADER}.{field}")
}

fn misfit(field: &str, value: &Json<'_>, fits: &str) -> ValidationIssue {
    ValidationIssue::new(path(field), format!("`{}` does not fit; {fits} would", shown(value)))
}

/// A value as JSON, cut where a reader has seen enough.
pub(super) fn shown(value: &Json<'_>) -> String {
    let text = value.to_string();
    match text.char_indices().nth(MOST_SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn is_api_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
