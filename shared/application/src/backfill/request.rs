//! A backfill as it is asked for, and whether that fits.
//!
//! Promises that everything wrong is named at once, with what would fit, before any job is made.

use std::collections::HashSet;

use annals_domain::identity::ExternalId;
use annals_domain::provider_adapter::ProviderAdapter;
use annals_domain::timestamp::Timestamp;
use annals_domain::validation_issue::ValidationIssue;

use crate::ports::{BACKFILL_PAGE_SIZE, BackfillMode};

/// The largest page of a backfill.
pub const LARGEST_BACKFILL_PAGE: u32 = 2_000;

/// How many ids that do not fit are named.
const NAMED: usize = 10;

/// The words of a request. What is `None` was not said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BackfillRequest {
    /// The mode's name. Not said, it follows from what is given.
    pub mode: Option<String>,
    /// From when on, for the mode since.
    pub since: Option<Timestamp>,
    /// Which, for the mode ids, in any form of the provider.
    pub ids: Option<Vec<String>>,
    /// How many records a page.
    pub page_size: Option<u64>,
    /// All of it as it came.
    pub input: String,
}

impl BackfillRequest {
    /// The mode and the page size that are meant, or what does not fit.
    pub(super) fn checked(&self, adapter: &dyn ProviderAdapter) -> Result<(BackfillMode, u32), Vec<ValidationIssue>> {
        let mut errors = Vec::new();
        let mode = self.mode(adapter, &mut errors);
        let page_size = self.page_size(&mut errors);
        if errors.is_empty() { Ok((mode, page_size)) } else { Err(errors) }
    }

    fn mode(&self, adapter: &dyn ProviderAdapter, errors: &mut Vec<ValidationIssue>) -> BackfillMode {
        let mut refuse = |field: &str, message: &str| errors.push(ValidationIssue::new(field, message));
        let mode = match (self.mode.as_deref(), &self.since, &self.ids) {
            (Some(mode @ ("full" | "since" | "ids")), ..) => mode,
            (Some(mode), ..) => {
                refuse("mode", &format!("`{mode}` does not fit; full, since or ids would"));
                return BackfillMode::Full;
            }
            (None, None, None) => "full",
            (None, Some(_), None) => "since",
            (None, None, Some(_)) => "ids",
            (None, Some(_), Some(_)) => {
                refuse("mode", "since and ids are both given; one of them alone would fit");
                return BackfillMode::Full;
            }
        };
        if self.since.is_some() && mode != "since" {
            refuse("since", &format!("it does not go with the mode {mode}; the mode since would fit"));
        }
        if self.ids.is_some() && mode != "ids" {
            refuse("ids", &format!("they do not go with the mode {mode}; the mode ids would fit"));
        }
        match (mode, self.since, &self.ids) {
            ("since", Some(since), _) => BackfillMode::Since(since),
            ("since", None, _) => {
                refuse("since", "the mode since needs it; a timestamp such as 2024-04-09T20:19:25Z would fit");
                BackfillMode::Full
            }
            ("ids", _, ids) => BackfillMode::Ids(canonical(ids.as_deref().unwrap_or_default(), adapter, errors)),
            _ => BackfillMode::Full,
        }
    }

    fn page_size(&self, errors: &mut Vec<ValidationIssue>) -> u32 {
        let Some(asked) = self.page_size else { return BACKFILL_PAGE_SIZE };
        let fitting = u32::try_from(asked).ok().filter(|size| (1..=LARGEST_BACKFILL_PAGE).contains(size));
        fitting.unwrap_or_else(|| {
            let message = format!("{asked} does not fit; 1 to {LARGEST_BACKFILL_PAGE} would");
            errors.push(ValidationIssue::new("page_size", message));
            BACKFILL_PAGE_SIZE
        })
    }
}

/// The ids, canonical, in their order and each once.
fn canonical(ids: &[String], adapter: &dyn ProviderAdapter, errors: &mut Vec<ValidationIssue>) -> Vec<ExternalId> {
    let (mut found, mut unfit, mut seen) = (Vec::with_capacity(ids.len()), Vec::new(), HashSet::new());
    for (index, id) in ids.iter().enumerate() {
        match adapter.canonical_id(id) {
            Some(id) if seen.contains(&id) => {}
            Some(id) => {
                seen.insert(id.clone());
                found.push(id);
            }
            None => unfit.push((index, id)),
        }
    }
    for (index, id) in unfit.iter().take(NAMED) {
        let message = format!("`{id}` does not fit; the id of a {} record would", adapter.provider());
        errors.push(ValidationIssue::new(format!("ids[{index}]"), message));
    }
    if unfit.len() > NAMED {
        errors.push(ValidationIssue::new("ids", format!("{} more do not fit", unfit.len() - NAMED)));
    }
    if ids.is_empty() {
        errors.push(ValidationIssue::new("ids", "the mode ids needs them; a list of at least one would fit"));
    }
    found
}
