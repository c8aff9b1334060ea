//! The fields of a change event header, read one by one.
//!
//! Each invalid value gives one issue. The invalid values of a long list are listed up to a limit and then counted.

use std::collections::HashSet;

use annals_domain::identity::ExternalId;
use annals_domain::timestamp::Timestamp;
use annals_domain::validation_issue::ValidationIssue;

use super::change_type::ChangeType;
use super::envelope::HEADER;
use super::ids::InvalidId;
use super::{ids, scalar};
use annals_json::{Json, Object};

const CHANGE_TYPES: &str =
    "CREATE, UPDATE, DELETE, UNDELETE, GAP_CREATE, GAP_UPDATE, GAP_DELETE, GAP_UNDELETE or GAP_OVERFLOW";
const AN_ID: &str = "an id of 15 or 18 letters and digits";
const OWN_ID: &str = "the id of a record (only GAP_OVERFLOW has the empty id)";

/// 2000-01-01. Salesforce has had no commit before.
const FIRST_USUAL_COMMIT_MS: i64 = 946_684_800_000;

/// The longest API name of an object. Salesforce allows 60 characters and a suffix; keys of stored data contain the name,
/// so it needs a limit.
const LONGEST_NAME: usize = 120;

const MOST_ISSUES: usize = 20;

/// How many characters of a value an issue quotes.
const LONGEST_QUOTE: usize = 60;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum AffectedRecords {
    Each(Vec<ExternalId>),
    /// Any record of the object, and why the event does not list them.
    All(String),
}

/// The fields of one header, and the issues found so far.
pub(super) struct HeaderFields<'a> {
    map: &'a Object<'a>,
    errors: Vec<ValidationIssue>,
    warnings: Vec<ValidationIssue>,
}

impl<'a> HeaderFields<'a> {
    pub(super) fn of(map: &'a Object<'a>) -> Self {
        Self { map, errors: Vec::new(), warnings: Vec::new() }
    }

    pub(super) fn into_issues(self) -> (Vec<ValidationIssue>, Vec<ValidationIssue>) {
        (self.errors, self.warnings)
    }

    pub(super) fn entity_name(&mut self) -> Option<&'a str> {
        let expected = "an object's API name such as Account";
        let name = self.required("entityName", expected, |value| value.as_str().filter(|name| is_api_name(name)))?;
        if name.len() > LONGEST_NAME {
            let message = format!("the name has {} characters: expected at most {LONGEST_NAME}", name.len());
            self.errors.push(ValidationIssue::new(path("entityName"), message));
            return None;
        }
        Some(name)
    }

    pub(super) fn change_type(&mut self) -> Option<ChangeType> {
        self.required("changeType", CHANGE_TYPES, |value| ChangeType::named(value.as_str()?))
    }

    pub(super) fn commit_timestamp(&mut self) -> Option<Timestamp> {
        let expected = "a positive number of milliseconds, or RFC 3339, before the year 10000";
        let read = |value: &Json<'_>| {
            let millis = scalar::integer(value).and_then(|millis| Timestamp::from_millis(millis).ok());
            millis.or_else(|| value.as_str()?.parse().ok()).filter(|at| at.millis() > 0)
        };
        let at = self.required("commitTimestamp", expected, read)?;
        if at.millis() < FIRST_USUAL_COMMIT_MS {
            let message = format!("{at} is before the year 2000: expected milliseconds since 1970");
            self.warnings.push(ValidationIssue::new(path("commitTimestamp"), message));
        }
        Some(at)
    }

    /// An integer. It may be missing, with a warning.
    pub(super) fn integer(&mut self, field: &'static str) -> Option<i64> {
        if self.get(field).is_none() {
            self.warn_of_missing(field);
            return None;
        }
        self.required(field, "an integer of 64 bits", scalar::integer)
    }

    /// The value of a field. Null counts as missing.
    pub(super) fn get(&self, field: &str) -> Option<&'a Json<'a>> {
        self.map.get(field).filter(|value| !value.is_null())
    }

    pub(super) fn records(&mut self, change_type: Option<ChangeType>) -> Option<AffectedRecords> {
        let expected = "a list of at least one id";
        let list = self.required("recordIds", expected, |value| value.as_array().filter(|list| !list.is_empty()))?;
        let wildcard = list.iter().filter_map(Json::as_str).find(|id| ids::is_wildcard(id));
        let is_overflow = change_type == Some(ChangeType::GapOverflow);
        let ids = self.record_ids(list, is_overflow)?;
        Some(match wildcard {
            _ if is_overflow => AffectedRecords::All(
                "GAP_OVERFLOW: more changes in one transaction than Salesforce reports one by one".to_owned(),
            ),
            Some(wildcard) => AffectedRecords::All(format!("recordIds has `{wildcard}`: all records of the object")),
            None => AffectedRecords::Each(ids),
        })
    }

    /// The record of a stored event, which must be listed.
    pub(super) fn stored_record(&mut self, id: &ExternalId) -> Option<AffectedRecords> {
        let list = self.required("recordIds", "a list of at least one id", Json::as_array)?;
        if list.iter().filter_map(Json::as_str).any(|text| ids::is_stored_as(text, id)) {
            return Some(AffectedRecords::Each(vec![id.clone()]));
        }
        self.errors.push(ValidationIssue::new(path("recordIds"), format!("the record `{id}` is not listed")));
        None
    }

    fn record_ids(&mut self, list: &[Json<'_>], is_overflow: bool) -> Option<Vec<ExternalId>> {
        let mut ids = Vec::with_capacity(list.len());
        let mut bad = Vec::new();
        for (index, value) in list.iter().enumerate() {
            let text = value.as_str().unwrap_or_default();
            match ids::read(text) {
                Ok(id) if is_overflow || !ids::is_empty_id(&id) => ids.push(id),
                Ok(_) => bad.push((index, invalid(value, OWN_ID))),
                Err(_) if ids::is_wildcard(text) => {}
                Err(InvalidId::WrongSuffix(right)) => bad.push((index, invalid(value, &format!("the id `{right}`")))),
                Err(InvalidId::NotAnId) => bad.push((index, invalid(value, AN_ID))),
            }
        }
        if ids.len() > 1 {
            let mut seen = HashSet::with_capacity(ids.len());
            ids.retain(|id| seen.insert(id.clone()));
        }
        self.add_errors("recordIds", bad).then_some(ids)
    }

    pub(super) fn changed_fields(&mut self) -> Option<Vec<&'a str>> {
        let list = self.get("changedFields")?;
        let expected = "a list of field names";
        let Some(entries) = list.as_array() else {
            self.errors.push(ValidationIssue::new(path("changedFields"), invalid(list, expected)));
            return None;
        };
        let not_texts = entries.iter().enumerate().filter(|(_, entry)| entry.as_str().is_none());
        let bad = not_texts.map(|(index, entry)| (index, invalid(entry, "a field name"))).collect();
        self.add_errors("changedFields", bad).then(|| entries.iter().filter_map(Json::as_str).collect())
    }

    /// Adds the errors of the entries of a list. Returns whether there are none.
    fn add_errors(&mut self, field: &str, bad: Vec<(usize, String)>) -> bool {
        let (is_clean, more) = (bad.is_empty(), bad.len().saturating_sub(MOST_ISSUES));
        let listed = bad.into_iter().take(MOST_ISSUES);
        self.errors
            .extend(listed.map(|(index, message)| ValidationIssue::new(format!("{HEADER}.{field}[{index}]"), message)));
        if more > 0 {
            self.errors.push(ValidationIssue::new(path(field), format!("{more} more invalid entries")));
        }
        is_clean
    }

    /// An optional text. Another value is ignored with a warning.
    pub(super) fn text(&mut self, field: &'static str) -> Option<&'a str> {
        self.optional(field, "a text", Json::as_str)
    }

    /// An optional list of names. Another value is ignored with a warning.
    pub(super) fn optional_names(&mut self, field: &'static str) -> Option<Vec<&'a str>> {
        self.optional(field, "a list of field names", |value| value.as_array()?.iter().map(Json::as_str).collect())
    }

    pub(super) fn warn_of_missing(&mut self, field: &str) {
        self.warnings.push(ValidationIssue::new(path(field), "missing: the change is accepted without it"));
    }

    fn required<T>(&mut self, field: &str, expected: &str, read: impl FnOnce(&'a Json<'a>) -> Option<T>) -> Option<T> {
        let Some(value) = self.get(field) else {
            self.errors.push(ValidationIssue::new(path(field), format!("missing: expected {expected}")));
            return None;
        };
        let found = read(value);
        if found.is_none() {
            self.errors.push(ValidationIssue::new(path(field), invalid(value, expected)));
        }
        found
    }

    fn optional<T>(&mut self, field: &str, expected: &str, read: impl FnOnce(&'a Json<'a>) -> Option<T>) -> Option<T> {
        let value = self.get(field)?;
        let found = read(value);
        if found.is_none() {
            let message = format!("ignored: {}", invalid(value, expected));
            self.warnings.push(ValidationIssue::new(path(field), message));
        }
        found
    }
}

fn path(field: &str) -> String {
    format!("{HEADER}.{field}")
}

/// The message about an invalid value. A long value is shortened.
pub(super) fn invalid(value: &Json<'_>, expected: &str) -> String {
    let text = value.to_string();
    match text.char_indices().nth(LONGEST_QUOTE) {
        Some((end, _)) => format!("invalid value `{}…`: expected {expected}", &text[..end]),
        None => format!("invalid value `{text}`: expected {expected}"),
    }
}

fn is_api_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
