//! The quarantine: its entries, redrive and dismissal.
//!
//! Every route needs the admin scope, because an input may contain anything. An input is returned byte by byte, up to
//! its first mebibyte.

use std::sync::Arc;

use annals_application::commands::CommandHandler;
use annals_application::ports::{QuarantineEntry, QuarantineState};
use annals_application::queries::{Page, QuarantineRequest, list_quarantine};
use annals_domain::identity::Provider;
use annals_domain::timestamp::Timestamp;
use annals_domain::validation_issue::ValidationIssue;
use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::QueryApi;
use crate::events::run_to_completion;
use crate::guard::GuardedRoutes;
use crate::parameters::{ParameterReader, Parameters, PathParameters, no_parameters};
use crate::problem::Problem;
use crate::response::{IngestResponse, PageBody, json};
use crate::route::Route;

/// A response contains at most this much of a body.
const MAX_BODY_IN_RESPONSE: usize = 1024 * 1024;
pub(crate) const STATES: [(&str, QuarantineState); 3] = [
    ("open", QuarantineState::Open),
    ("redriven", QuarantineState::Redriven),
    ("dismissed", QuarantineState::Dismissed),
];

pub(crate) const LIST_PARAMETERS: [&str; 4] = ["page", "page_size", "cursor", "state"];

/// `GET /quarantine` and one entry.
pub(crate) fn read_routes(api: Arc<QueryApi>) -> Router {
    let routes = GuardedRoutes::new().with(Route::ListQuarantine, list).with(Route::GetQuarantined, one);
    routes.into_router().with_state(api)
}

pub(crate) fn decision_routes(handler: Arc<CommandHandler>) -> Router {
    let routes = GuardedRoutes::new().with(Route::Redrive, redrive).with(Route::Dismiss, dismiss);
    routes.into_router().with_state(handler)
}

#[derive(Serialize)]
struct EntryBody {
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

impl From<QuarantineEntry> for EntryBody {
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

impl EntryBody {
    /// Adds the body, or its first part. Bytes that are not UTF-8 are replaced in the text and complete in Base64.
    fn with_body(mut self, bytes: Vec<u8>) -> Self {
        self.body_truncated = (bytes.len() as u64) < self.size;
        let text = String::from_utf8(bytes).or_else(|error| {
            let (at, cut) = (error.utf8_error().valid_up_to(), error.utf8_error().error_len().is_none());
            let mut bytes = error.into_bytes();
            // The first part may end inside a character, which is then left out.
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

fn list_request(parameters: &Parameters) -> Result<QuarantineRequest, Problem> {
    let mut reader = ParameterReader::new(parameters);
    let state = |name: &str| STATES.iter().find(|(known, _)| *known == name).map(|(_, state)| *state);
    let request = QuarantineRequest {
        state: reader.parsed("state", "open, redriven or dismissed", state),
        page: reader.number("page"),
        cursor: reader.text("cursor").map(str::to_owned),
        page_size: reader.number("page_size"),
    };
    reader.allow_only(&LIST_PARAMETERS);
    reader.finish(request)
}

async fn list(State(api): State<Arc<QueryApi>>, uri: Uri, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    let parameters = Parameters::read(query.as_deref())?;
    let Page { results, count, next, previous } = list_quarantine(&api.quarantine, &list_request(&parameters)?).await?;
    let results: Vec<EntryBody> = results.into_iter().map(EntryBody::from).collect();
    json(&PageBody::of(Page { results, count, next, previous }, &uri, &parameters))
}

async fn one(
    State(api): State<Arc<QueryApi>>,
    PathParameters(id): PathParameters<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    no_parameters(query.as_deref())?;
    let entry = api.quarantine.get(&id).await?;
    let body = api.quarantine.body(&entry, MAX_BODY_IN_RESPONSE).await?;
    json(&EntryBody::from(entry).with_body(body))
}

async fn redrive(
    State(handler): State<Arc<CommandHandler>>,
    PathParameters(id): PathParameters<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    no_parameters(query.as_deref())?;
    let results = run_to_completion(async move { handler.redrive(&id).await }).await??;
    json(&IngestResponse { results })
}

async fn dismiss(
    State(handler): State<Arc<CommandHandler>>,
    PathParameters(id): PathParameters<String>,
    RawQuery(query): RawQuery,
) -> Result<StatusCode, Problem> {
    no_parameters(query.as_deref())?;
    handler.quarantine().dismiss(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_body(bytes: &[u8], size: u64) -> (String, Option<String>, bool) {
        let entry = EntryBody {
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
        assert_eq!(with_body(bytes, size), (body.to_owned(), base64.map(str::to_owned), is_truncated), "{bytes:?}");
    }

    #[test]
    fn a_body_is_text_and_also_base64_if_it_is_not_utf8() {
        check(b"{}", 2, "{}", None, false);
        check("é".as_bytes(), 2, "é", None, false);
        check(b"a\xffb", 3, "a\u{fffd}b", Some("Yf9i"), false);
        check(b"a\xc3", 2, "a\u{fffd}", Some("YcM="), false);
    }

    #[test]
    fn a_first_part_that_ends_inside_a_character_ends_before_it() {
        check(b"a\xc3", 9, "a", None, true);
        check(b"ab", 9, "ab", None, true);
        check(b"\xff\xc3", 9, "\u{fffd}\u{fffd}", Some("/8M="), true);
    }

    #[test]
    fn a_list_has_a_state_and_a_page() {
        let read = |query: &str| list_request(&Parameters::read(Some(query)).unwrap());
        let list = read("state=redriven&page=3&page_size=7").unwrap();
        assert_eq!((list.state, list.page, list.page_size), (Some(QuarantineState::Redriven), Some(3), Some(7)));
        for query in ["state=closed", "page=x", "page_size=-1", "sort=id"] {
            assert!(read(query).is_err(), "{query}");
        }
    }
}
