//! The quarantine: what is in it, and what is decided about it.
//!
//! Promises that a kept input can be had back byte by byte, up to its first mebibyte. All of it
//! needs the admin scope: an input may hold anything.

use std::sync::Arc;

use annals_application::commands::CommandHandler;
use annals_application::ports::{QuarantineEntry, QuarantineState};
use annals_application::queries::{DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE};
use annals_domain::identity::Provider;
use annals_domain::timestamp::Timestamp;
use annals_domain::validation_issue::ValidationIssue;
use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use axum::routing::{delete, get, post};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::QueryApi;
use crate::answer::{Results, json};
use crate::events::to_its_end;
use crate::login::Admin;
use crate::page::{Page, Place};
use crate::parameters::{Parameters, Reading, no_parameters};
use crate::problem::Problem;
use crate::segment::Segment;

/// How much of a body is shown.
const SHOWN_BYTES: usize = 1024 * 1024;
/// The states, as a parameter names them.
const STATES: [(&str, QuarantineState); 3] = [
    ("open", QuarantineState::Open),
    ("redriven", QuarantineState::Redriven),
    ("dismissed", QuarantineState::Dismissed),
];

/// `GET /quarantine` and one entry.
pub(crate) fn reading(api: Arc<QueryApi>) -> Router {
    Router::new().route("/quarantine", get(list)).route("/quarantine/{id}", get(one)).with_state(api)
}

/// Redrive and dismissal.
pub(crate) fn decisions(handler: Arc<CommandHandler>) -> Router {
    Router::new()
        .route("/quarantine/{id}/redrive", post(redrive))
        .route("/quarantine/{id}", delete(dismiss))
        .with_state(handler)
}

/// One entry as it is answered.
#[derive(Serialize)]
struct Entry {
    id: String,
    provider: Provider,
    received_at: Timestamp,
    errors: Vec<ValidationIssue>,
    size: u64,
    state: QuarantineState,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    body_truncated: bool,
}

impl From<QuarantineEntry> for Entry {
    fn from(entry: QuarantineEntry) -> Self {
        Self {
            id: entry.id,
            provider: entry.provider,
            received_at: entry.received_at,
            errors: entry.errors,
            size: entry.size,
            state: entry.state,
            body: None,
            body_base64: None,
            body_truncated: false,
        }
    }
}

impl Entry {
    /// With its body, or the first part of it. Bytes that are no text are shown as far as they
    /// are, and given whole in base 64.
    fn with_body(mut self, bytes: Vec<u8>) -> Self {
        self.body_truncated = (bytes.len() as u64) < self.size;
        let text = String::from_utf8(bytes).or_else(|error| {
            let (at, cut) = (error.utf8_error().valid_up_to(), error.utf8_error().error_len().is_none());
            let mut bytes = error.into_bytes();
            // A cut may go through a character, which is then left for the rest.
            if cut && self.body_truncated {
                bytes.truncate(at);
            }
            String::from_utf8(bytes)
        });
        self.body = Some(text.unwrap_or_else(|error| {
            self.body_base64 = Some(STANDARD.encode(error.as_bytes()));
            String::from_utf8_lossy(error.as_bytes()).into_owned()
        }));
        self
    }
}

struct Request {
    state: Option<QuarantineState>,
    page: u64,
    page_size: u64,
}

fn request(parameters: &Parameters) -> Result<Request, Problem> {
    let mut reading = Reading::new(parameters);
    let state = |name: &str| STATES.iter().find(|(known, _)| *known == name).map(|(_, state)| *state);
    let page = reading.number("page").unwrap_or(1);
    let page_size = reading.number("page_size").unwrap_or(DEFAULT_PAGE_SIZE);
    if page == 0 {
        reading.refuse("page", "0 does not fit; 1 and above would");
    }
    if !(1..=MAX_PAGE_SIZE).contains(&page_size) {
        reading.refuse("page_size", format!("{page_size} does not fit; 1 to {MAX_PAGE_SIZE} would"));
    }
    let state = reading.parsed("state", "open, redriven or dismissed", state);
    reading.only(&["page", "page_size", "state"]);
    reading.finish(Request { state, page, page_size })
}

async fn list(
    _: Admin,
    State(api): State<Arc<QueryApi>>,
    uri: Uri,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let parameters = Parameters::read(query.as_deref())?;
    let Request { state, page, page_size } = request(&parameters)?;
    let offset = (page - 1).saturating_mul(page_size);
    let (entries, count) = api.quarantine.list(state, offset, page_size).await?;
    let place = Place::among(count, u64::MAX, page, page_size);
    let entries: Vec<Entry> = entries.into_iter().map(Entry::from).collect();
    json(&Page::new(entries, Some(count), place, &uri, &parameters))
}

async fn one(
    _: Admin,
    State(api): State<Arc<QueryApi>>,
    Segment(id): Segment<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    no_parameters(query.as_deref())?;
    let entry = api.quarantine.get(&id).await?;
    let body = api.quarantine.body(&entry, SHOWN_BYTES).await?;
    json(&Entry::from(entry).with_body(body))
}

async fn redrive(
    _: Admin,
    State(handler): State<Arc<CommandHandler>>,
    Segment(id): Segment<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    no_parameters(query.as_deref())?;
    let results = to_its_end(async move { handler.redrive(&id).await }).await??;
    json(&Results { results })
}

async fn dismiss(
    _: Admin,
    State(handler): State<Arc<CommandHandler>>,
    Segment(id): Segment<String>,
    RawQuery(query): RawQuery,
) -> Result<StatusCode, Problem> {
    no_parameters(query.as_deref())?;
    handler.quarantine().dismiss(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(bytes: &[u8], size: u64) -> (String, Option<String>, bool) {
        let entry = Entry {
            id: "ab".to_owned(),
            provider: Provider::Salesforce,
            received_at: "2024-04-09T20:19:25Z".parse().unwrap(),
            errors: Vec::new(),
            size,
            state: QuarantineState::Open,
            body: None,
            body_base64: None,
            body_truncated: false,
        };
        let entry = entry.with_body(bytes.to_vec());
        (entry.body.unwrap(), entry.body_base64, entry.body_truncated)
    }

    #[track_caller]
    fn check(bytes: &[u8], size: u64, body: &str, base64: Option<&str>, is_truncated: bool) {
        assert_eq!(shown(bytes, size), (body.to_owned(), base64.map(str::to_owned), is_truncated), "{bytes:?}");
    }

    #[test]
    fn a_body_is_shown_whole_and_what_is_no_text_twice() {
        check(b"{}", 2, "{}", None, false);
        check("é".as_bytes(), 2, "é", None, false);
        check(b"a\xffb", 3, "a\u{fffd}b", Some("Yf9i"), false);
        check(b"a\xc3", 2, "a\u{fffd}", Some("YcM="), false);
    }

    #[test]
    fn a_cut_through_a_character_leaves_the_text_before_it() {
        check(b"a\xc3", 9, "a", None, true);
        check(b"ab", 9, "ab", None, true);
        check(b"\xff\xc3", 9, "\u{fffd}\u{fffd}", Some("/8M="), true);
    }

    #[test]
    fn a_list_is_chosen_by_state_and_page() {
        let read = |query: &str| request(&Parameters::read(Some(query)).unwrap());
        let asked = read("state=redriven&page=3&page_size=7").unwrap();
        assert_eq!((asked.state, asked.page, asked.page_size), (Some(QuarantineState::Redriven), 3, 7));
        for query in ["state=closed", "page=0", "page_size=0", "page_size=201", "sort=id"] {
            assert!(read(query).is_err(), "{query}");
        }
    }
}
