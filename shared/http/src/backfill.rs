//! Backfill: a type's records are to be read from their CRM; how that stands; pause, resume, cancel.
//!
//! Promises that a body which does not fit is answered with each field and what would, and that
//! what is asked twice is done once. All of it needs the admin scope.

use annals_application::backfill::{Backfill, BackfillError, BackfillRequest, BackfillStatus};
use annals_domain::validation_issue::ValidationIssue;
use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::{Map, Value};

use crate::answer::json;
use crate::events::{MAX_BODY_BYTES, text_of, to_its_end};
use crate::login::Admin;
use crate::parameters::{DayEnd, no_parameters, timestamp};
use crate::problem::{Kind, Problem};
use crate::segment::Segment;

/// What a body may say.
const FIELDS: [&str; 4] = ["mode", "since", "ids", "page_size"];

/// `POST /events/backfill/{type}` and what there is below it.
pub(crate) fn routes(backfill: Backfill) -> Router {
    let ask = post(ask).layer(DefaultBodyLimit::max(MAX_BODY_BYTES));
    Router::new()
        .route("/events/backfill/{type}", ask)
        .route("/events/backfill/{type}/status", get(status))
        .route("/events/backfill/{type}/pause", post(pause))
        .route("/events/backfill/{type}/resume", post(resume))
        .route("/events/backfill/{type}/cancel", post(cancel))
        .with_state(backfill)
}

async fn ask(
    _: Admin,
    State(backfill): State<Backfill>,
    Segment(name): Segment<String>,
    RawQuery(query): RawQuery,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    no_parameters(query.as_deref())?;
    let request = request(text_of(body)?)?;
    let asked = to_its_end(async move { backfill.request(&name, &request).await }).await??;
    let mut response = json(&asked)?;
    *response.status_mut() = StatusCode::ACCEPTED;
    Ok(response)
}

async fn status(
    _: Admin,
    State(backfill): State<Backfill>,
    Segment(name): Segment<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    no_parameters(query.as_deref())?;
    json(&backfill.status(&name).await?)
}

async fn pause(
    _: Admin,
    State(backfill): State<Backfill>,
    Segment(name): Segment<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    fulfil(query, async move { backfill.pause(&name).await }).await
}

async fn resume(
    _: Admin,
    State(backfill): State<Backfill>,
    Segment(name): Segment<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    fulfil(query, async move { backfill.resume(&name).await }).await
}

async fn cancel(
    _: Admin,
    State(backfill): State<Backfill>,
    Segment(name): Segment<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    fulfil(query, async move { backfill.cancel(&name).await }).await
}

async fn fulfil(
    query: Option<String>,
    work: impl Future<Output = Result<BackfillStatus, BackfillError>> + Send + 'static,
) -> Result<Response, Problem> {
    no_parameters(query.as_deref())?;
    json(&to_its_end(work).await??)
}

/// Reads a body. None at all asks for everything, as an empty object does.
fn request(body: String) -> Result<BackfillRequest, Problem> {
    if body.trim().is_empty() {
        return Ok(BackfillRequest::default());
    }
    let value = serde_json::from_str(&body)
        .map_err(|error| Problem::new(Kind::InvalidBody, format!("the body is not JSON: {error}")))?;
    let Value::Object(members) = value else {
        let message = "the body does not fit; an object such as {\"mode\": \"full\"} would";
        return Err(Problem::invalid(vec![ValidationIssue::new("", message)]));
    };
    let mut reading = Reading { members: &members, errors: Vec::new() };
    let request = BackfillRequest {
        mode: reading.taken("mode", "\"full\", \"since\" or \"ids\"", |value| value.as_str().map(str::to_owned)),
        since: reading.taken("since", "a timestamp such as \"2024-04-09T20:19:25Z\", or a date,", |value| {
            timestamp(value.as_str()?, DayEnd::First)
        }),
        ids: reading.taken("ids", "a list of ids such as [\"0015f00002J9YYEAA3\"]", |value| {
            value.as_array()?.iter().map(|id| id.as_str().map(str::to_owned)).collect()
        }),
        page_size: reading.taken("page_size", "a whole number such as 50", Value::as_u64),
        input: body,
    };
    reading.finish(request)
}

/// Takes a body's members one by one and gathers what is wrong with them.
struct Reading<'a> {
    members: &'a Map<String, Value>,
    errors: Vec<ValidationIssue>,
}

impl Reading<'_> {
    /// What `take` makes of a member; null is as good as none.
    fn taken<T>(&mut self, name: &str, fitting: &str, take: impl Fn(&Value) -> Option<T>) -> Option<T> {
        let value = self.members.get(name).filter(|value| !value.is_null())?;
        let taken = take(value);
        if taken.is_none() {
            self.errors.push(ValidationIssue::new(name, format!("it does not fit; {fitting} would")));
        }
        taken
    }

    /// The request, if every member is known and fits.
    fn finish(mut self, request: BackfillRequest) -> Result<BackfillRequest, Problem> {
        for name in self.members.keys().filter(|name| !FIELDS.contains(&name.as_str())) {
            let message = format!("there is no such field here; {} would fit", FIELDS.join(", "));
            self.errors.push(ValidationIssue::new(name, message));
        }
        if self.errors.is_empty() { Ok(request) } else { Err(Problem::invalid(self.errors)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<BackfillRequest, Problem> {
        request(body.to_owned())
    }

    #[track_caller]
    fn check(body: &str, expected: BackfillRequest) {
        assert_eq!(read(body).unwrap(), BackfillRequest { input: body.to_owned(), ..expected }, "{body}");
    }

    #[test]
    fn a_body_says_what_it_wants_or_nothing() {
        check("", BackfillRequest::default());
        check("{}", BackfillRequest::default());
        check(r#"{"mode": null, "since": null}"#, BackfillRequest::default());
        let since = |text: &str| BackfillRequest { since: text.parse().ok(), ..BackfillRequest::default() };
        check(r#"{"since": "2024-04-09"}"#, since("2024-04-09T00:00:00Z"));
        check(r#"{"since": "2024-04-09T22:19:25+02:00"}"#, since("2024-04-09T20:19:25Z"));
        let ids = Some(vec!["a".to_owned(), "b".to_owned()]);
        let expected = BackfillRequest { mode: Some("ids".to_owned()), ids, page_size: Some(7), ..Default::default() };
        check(r#"{"mode": "ids", "ids": ["a", "b"], "page_size": 7}"#, expected);
    }

    #[test]
    fn everything_wrong_with_a_body_is_named_at_once() {
        let body = r#"{"mode": 1, "since": "soon", "ids": ["a", 2], "page_size": 1.5, "Mode": "full"}"#;
        let problem = read(body).unwrap_err();
        let lines: Vec<_> = problem.errors().iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        mode: it does not fit; "full", "since" or "ids" would
        since: it does not fit; a timestamp such as "2024-04-09T20:19:25Z", or a date, would
        ids: it does not fit; a list of ids such as ["0015f00002J9YYEAA3"] would
        page_size: it does not fit; a whole number such as 50 would
        Mode: there is no such field here; mode, since, ids, page_size would fit
        "#);
    }

    #[test]
    fn a_body_that_is_no_object_is_refused() {
        for body in ["[]", "1", "\"full\"", "null", "true"] {
            assert_eq!(read(body).unwrap_err().errors().len(), 1, "{body}");
        }
        for body in ["{", "full", "{} {}"] {
            assert!(read(body).unwrap_err().errors().is_empty(), "{body}");
        }
    }
}
