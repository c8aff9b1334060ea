//! Ingest: the route that receives change events.
//!
//! A body is read up to its limit and no further. Once its processing has begun it runs to completion, even if the
//! caller disconnects.

use std::sync::Arc;

use annals_application::commands::{CommandHandler, CommandMetadata, IngestError, IngestResult};
use annals_domain::identity::Provider;
use annals_domain::validation_issue::ValidationIssue;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use tracing::Instrument;

use crate::deadline::Deadline;
use crate::guard::GuardedRoutes;
use crate::parameters::PathParameters;
use crate::problem::{Problem, ProblemKind};
use crate::response::{IngestResponse, json};
use crate::route::Route;

/// The largest body of a request, in bytes.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Correlates the events of this request with others; the longest value in characters.
pub(crate) const CORRELATION_ID: &str = "X-Correlation-Id";
pub(crate) const MAX_CORRELATION_ID_LENGTH: usize = 128;

/// `POST /events/{provider}`.
pub(crate) fn routes(handler: Arc<CommandHandler>) -> Router {
    let routes = GuardedRoutes::new().with(Route::Ingest, ingest).into_router();
    routes.layer(DefaultBodyLimit::max(MAX_BODY_BYTES)).with_state(handler)
}

async fn ingest(
    State(handler): State<Arc<CommandHandler>>,
    PathParameters(provider): PathParameters<String>,
    headers: HeaderMap,
    deadline: Option<Extension<Deadline>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let provider = enabled_provider(&handler, &provider)?;
    let metadata = CommandMetadata {
        user: None,
        correlation_id: correlation_id(&headers)?,
        deadline: deadline.map(|Extension(Deadline(at))| at),
    };
    let body = body_text(body)?;
    let ingested = run_to_completion(async move { handler.ingest_body(provider, &body, metadata).await }).await?;
    response(provider, ingested.map_err(problem_of)?)
}

fn enabled_provider(handler: &CommandHandler, name: &str) -> Result<Provider, Problem> {
    let enabled: Vec<Provider> = handler.providers().collect();
    let found = name.parse::<Provider>().ok().filter(|provider| enabled.contains(provider));
    found.ok_or_else(|| {
        let names: Vec<&str> = enabled.iter().map(|provider| provider.as_str()).collect();
        let detail = format!("unknown provider `{name}`: expected {}", names.join(", "));
        Problem::new(ProblemKind::UnknownProvider, detail)
    })
}

fn correlation_id(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(CORRELATION_ID).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let is_valid = |text: &&str| {
        (1..=MAX_CORRELATION_ID_LENGTH).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
    };
    let text = value.to_str().ok().filter(is_valid).filter(|_| values.next().is_none());
    let message = "invalid value: expected one value of 1 to 128 visible ASCII characters";
    text.map(|text| Some(text.to_owned()))
        .ok_or_else(|| Problem::invalid(vec![ValidationIssue::new(CORRELATION_ID, message)]))
}

pub(crate) fn body_text(body: Result<Bytes, BytesRejection>) -> Result<String, Problem> {
    let bytes = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::new(ProblemKind::TooLarge, format!("the body is larger than {MAX_BODY_BYTES} bytes"))
        }
        _ => Problem::new(ProblemKind::InvalidBody, "the body is incomplete, or did not arrive in time"),
    })?;
    // Some programs write a byte order mark at the beginning of a text. It is no part of the text.
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).map_or_else(|| bytes.clone(), |text| bytes.slice_ref(text));
    String::from_utf8(bytes.into()).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Problem::new(ProblemKind::InvalidBody, format!("the body is not JSON: invalid UTF-8 at byte {at}"))
    })
}

/// Runs `work` in a task of its own: a caller that disconnects ends the request, and must not stop a change between its
/// append and its projection. Log lines keep the span of the request.
pub(crate) async fn run_to_completion<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, Problem> {
    tokio::spawn(work.in_current_span()).await.map_err(|error| Problem::internal(&error))
}

fn problem_of(error: IngestError) -> Problem {
    match error {
        IngestError::NotJson(fault) => Problem::new(ProblemKind::InvalidBody, format!("the body is not JSON: {fault}")),
        IngestError::TooMany(_) => Problem::new(ProblemKind::TooLarge, error.to_string()),
        IngestError::Command(error) => error.into(),
    }
}

fn response(provider: Provider, ingested: IngestResult) -> Result<Response, Problem> {
    // Webhook providers retry or ban on 4xx: they get 200, and the body is in quarantine.
    if ingested.is_recognised || provider != Provider::Salesforce {
        return json(&IngestResponse { results: ingested.results }).map(IntoResponse::into_response);
    }
    let errors = ingested.results.iter().flat_map(|read| read.errors.clone()).collect();
    let detail = format!("the body has no change event of {provider}: it is kept in quarantine");
    Err(Problem::new(ProblemKind::NotRecognised, detail).with_errors(errors).with_results(ingested.results))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[track_caller]
    fn check(values: &[&str], expected: Option<Option<&str>>) {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(CORRELATION_ID, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let found = correlation_id(&headers).ok();
        assert_eq!(found.as_ref().map(Option::as_deref), expected, "{values:?}");
    }

    #[test]
    fn a_correlation_id_is_one_value_of_visible_ascii() {
        check(&[], Some(None));
        check(&["a-1/é"], None);
        check(&["order 7"], None);
        check(&["order-7"], Some(Some("order-7")));
        check(&[&"x".repeat(128)], Some(Some(&"x".repeat(128))));
        check(&[&"x".repeat(129)], None);
        check(&[""], None);
        check(&["a", "b"], None);
    }

    #[tokio::test]
    async fn work_runs_to_completion_after_its_request_has_ended() {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let work = async move {
            tokio::task::yield_now().await;
            sender.send("done").unwrap();
        };
        let mut request = Box::pin(run_to_completion(work));
        assert!(std::future::poll_fn(|cx| std::task::Poll::Ready(request.as_mut().poll(cx).is_pending())).await);
        drop(request);
        assert_eq!(receiver.await, Ok("done"));
    }
}
