//! Events in.
//!
//! Promises that a body is read up to its limit and no further, and that what was begun with it is
//! carried to its end, whether or not the caller waits for the answer.

use std::sync::Arc;

use annals_application::commands::{CommandHandler, CommandMetadata, TakeError, Taken};
use annals_domain::identity::Provider;
use annals_domain::validation_issue::ValidationIssue;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Extension, Router};
use tracing::Instrument;

use crate::answer::{Results, json};
use crate::problem::{Kind, Problem};
use crate::segment::Segment;

/// The largest body that is taken, in bytes.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;

/// The header that says what the events belong together with, and its longest value.
const CORRELATION_ID: &str = "x-correlation-id";
const LONGEST_CORRELATION_ID: usize = 128;

/// Until when a request may go on trying; an extension of the request, where who serves it has a
/// deadline of its own.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(pub tokio::time::Instant);

/// `POST /events/{provider}`.
pub(crate) fn routes(handler: Arc<CommandHandler>) -> Router {
    let take = post(take).layer(DefaultBodyLimit::max(MAX_BODY_BYTES));
    Router::new().route("/events/{provider}", take).with_state(handler)
}

async fn take(
    State(handler): State<Arc<CommandHandler>>,
    Segment(provider): Segment<String>,
    headers: HeaderMap,
    deadline: Option<Extension<Deadline>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let provider = provider_taken(&handler, &provider)?;
    let metadata = CommandMetadata {
        user: None,
        correlation_id: correlation_id(&headers)?,
        deadline: deadline.map(|Extension(Deadline(at))| at),
    };
    let body = text_of(body)?;
    let taken = to_its_end(async move { handler.take_body(provider, &body, metadata).await }).await?;
    answer(provider, taken.map_err(problem_of)?)
}

fn provider_taken(handler: &CommandHandler, name: &str) -> Result<Provider, Problem> {
    let taken: Vec<Provider> = handler.providers().collect();
    let found = name.parse::<Provider>().ok().filter(|provider| taken.contains(provider));
    found.ok_or_else(|| {
        let names: Vec<&str> = taken.iter().map(|provider| provider.as_str()).collect();
        let detail = format!("no events of `{name}` are taken here; {} would fit", names.join(", "));
        Problem::new(Kind::UnknownProvider, detail)
    })
}

fn correlation_id(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(CORRELATION_ID).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let fits = |text: &&str| {
        (1..=LONGEST_CORRELATION_ID).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
    };
    let text = value.to_str().ok().filter(fits).filter(|_| values.next().is_none());
    let message = "one value of 1 to 128 visible ASCII characters would fit";
    text.map(|text| Some(text.to_owned()))
        .ok_or_else(|| Problem::invalid(vec![ValidationIssue::new("X-Correlation-Id", message)]))
}

/// A body as text, up to the limit of its route.
pub(crate) fn text_of(body: Result<Bytes, BytesRejection>) -> Result<String, Problem> {
    let bytes = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::new(Kind::TooLarge, format!("the body is larger than {MAX_BODY_BYTES} bytes"))
        }
        _ => Problem::new(Kind::InvalidBody, "the body ended before its end"),
    })?;
    String::from_utf8(bytes.into()).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Problem::new(Kind::InvalidBody, format!("the body is not JSON: it is not UTF-8 from byte {at} on"))
    })
}

/// Runs `work` apart from the request: a caller that hangs up ends the request, and must not end
/// a change halfway between its store and its projection. What it logs is the request's all the same.
pub(crate) async fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, Problem> {
    tokio::spawn(work.in_current_span()).await.map_err(|error| Problem::internal(&error))
}

fn problem_of(error: TakeError) -> Problem {
    match error {
        TakeError::NotJson(fault) => Problem::new(Kind::InvalidBody, format!("the body is not JSON: {fault}")),
        TakeError::TooMany(_) => Problem::new(Kind::TooLarge, error.to_string()),
        TakeError::Command(error) => error.into(),
    }
}

fn answer(provider: Provider, taken: Taken) -> Result<Response, Problem> {
    // Webhook providers retry or ban on 4xx: what is theirs is answered 200 and kept.
    if taken.is_recognised || provider != Provider::Salesforce {
        return json(&Results { results: taken.results }).map(IntoResponse::into_response);
    }
    let errors = taken.results.iter().flat_map(|read| read.errors.clone()).collect();
    let detail = format!("nothing in the body has a form of {provider}'s change events; it is kept in quarantine");
    Err(Problem::new(Kind::NotRecognised, detail).with_errors(errors).with_results(taken.results))
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
    async fn work_ends_though_its_request_does_not_wait() {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let work = async move {
            tokio::task::yield_now().await;
            sender.send("done").unwrap();
        };
        let mut request = Box::pin(to_its_end(work));
        assert!(std::future::poll_fn(|cx| std::task::Poll::Ready(request.as_mut().poll(cx).is_pending())).await);
        drop(request);
        assert_eq!(receiver.await, Ok("done"));
    }
}
