//! The request for a backfill, and its validation: all errors together, before a job is added.

use std::collections::HashSet;

use annals_domain::identity::ExternalId;
use annals_domain::provider_adapter::ProviderAdapter;
use annals_domain::timestamp::Timestamp;
use annals_domain::validation_issue::ValidationIssue;

use crate::ports::{BACKFILL_PAGE_SIZE, BackfillMode};

/// The most records that a page of a backfill can have.
pub const LARGEST_BACKFILL_PAGE: u32 = 2_000;

const MAX_REPORTED_IDS: usize = 10;

/// A request that is not validated yet. `None`: the request does not have the field.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BackfillRequest {
    /// `full`, `since` or `ids`. Without it, the other fields decide.
    pub mode: Option<String>,
    pub since: Option<Timestamp>,
    /// In any form that the provider has.
    pub ids: Option<Vec<String>>,
    pub page_size: Option<u64>,
    /// The request body as received.
    pub input: String,
}

impl BackfillRequest {
    /// The mode and the page size, or all errors.
    pub(super) fn checked(&self, adapter: &dyn ProviderAdapter) -> Result<(BackfillMode, u32), Vec<ValidationIssue>> {
        let mut errors = Vec::new();
        let mode = self.mode(adapter, &mut errors);
        let page_size = self.page_size(&mut errors);
        if errors.is_empty() { Ok((mode, page_size)) } else { Err(errors) }
    }

    fn mode(&self, adapter: &dyn ProviderAdapter, errors: &mut Vec<ValidationIssue>) -> BackfillMode {
        let mut add_error = |field: &str, message: &str| errors.push(ValidationIssue::new(field, message));
        let mode = match (self.mode.as_deref(), &self.since, &self.ids) {
            (Some(mode @ ("full" | "since" | "ids")), ..) => mode,
            (Some(mode), ..) => {
                add_error("mode", &format!("invalid value `{mode}`: expected full, since or ids"));
                return BackfillMode::Full;
            }
            (None, None, None) => "full",
            (None, Some(_), None) => "since",
            (None, None, Some(_)) => "ids",
            (None, Some(_), Some(_)) => {
                add_error("mode", "since and ids are both given: expected only one of them");
                return BackfillMode::Full;
            }
        };
        if self.since.is_some() && mode != "since" {
            add_error("since", &format!("not allowed in mode {mode}: expected mode since"));
        }
        if self.ids.is_some() && mode != "ids" {
            add_error("ids", &format!("not allowed in mode {mode}: expected mode ids"));
        }
        match (mode, self.since, &self.ids) {
            ("since", Some(since), _) => BackfillMode::Since(since),
            ("since", None, _) => {
                add_error("since", "missing: expected a timestamp such as 2024-04-09T20:19:25Z");
                BackfillMode::Full
            }
            ("ids", _, ids) => BackfillMode::Ids(canonical(ids.as_deref().unwrap_or_default(), adapter, errors)),
            _ => BackfillMode::Full,
        }
    }

    fn page_size(&self, errors: &mut Vec<ValidationIssue>) -> u32 {
        let Some(requested) = self.page_size else { return BACKFILL_PAGE_SIZE };
        let valid = u32::try_from(requested).ok().filter(|size| (1..=LARGEST_BACKFILL_PAGE).contains(size));
        valid.unwrap_or_else(|| {
            let message = format!("invalid value `{requested}`: expected a number from 1 to {LARGEST_BACKFILL_PAGE}");
            errors.push(ValidationIssue::new("page_size", message));
            BACKFILL_PAGE_SIZE
        })
    }
}

/// The ids in canonical form and in their order, without duplicates.
fn canonical(ids: &[String], adapter: &dyn ProviderAdapter, errors: &mut Vec<ValidationIssue>) -> Vec<ExternalId> {
    let (mut found, mut invalid, mut seen) = (Vec::with_capacity(ids.len()), Vec::new(), HashSet::new());
    for (index, id) in ids.iter().enumerate() {
        match adapter.canonical_id(id) {
            Some(id) if seen.contains(&id) => {}
            Some(id) => {
                seen.insert(id.clone());
                found.push(id);
            }
            None => invalid.push((index, id)),
        }
    }
    for (index, id) in invalid.iter().take(MAX_REPORTED_IDS) {
        let message = format!("invalid value `{id}`: expected the id of a {} record", adapter.provider());
        errors.push(ValidationIssue::new(format!("ids[{index}]"), message));
    }
    if invalid.len() > MAX_REPORTED_IDS {
        errors.push(ValidationIssue::new("ids", format!("{} more invalid ids", invalid.len() - MAX_REPORTED_IDS)));
    }
    if ids.is_empty() {
        errors.push(ValidationIssue::new("ids", "missing: expected at least one id"));
    }
    found
}
