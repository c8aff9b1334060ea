//! Backfills: reading all or some records of a type from their CRM. Start, status, pause, resume and cancel.
//!
//! Every route needs the admin scope. All errors of a body are reported together.

use annals_application::backfill::{Backfill, BackfillError, BackfillRequest, BackfillStatus};
use annals_domain::validation_issue::ValidationIssue;
use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value};

use crate::events::{MAX_BODY_BYTES, body_text, run_to_completion};
use crate::guard::GuardedRoutes;
use crate::parameters::{DayEnd, PathParameters, no_parameters, timestamp};
use crate::problem::{Problem, ProblemKind};
use crate::response::json;
use crate::route::Route;

const MEMBERS: [&str; 4] = ["mode", "since", "ids", "page_size"];

/// `POST /events/backfill/{type}` and the routes below it.
pub(crate) fn routes(backfill: Backfill) -> Router {
    let routes = GuardedRoutes::new()
        .with(Route::StartBackfill, start)
        .with(Route::BackfillStatus, status)
        .with(Route::PauseBackfill, pause)
        .with(Route::ResumeBackfill, resume)
        .with(Route::CancelBackfill, cancel);
    routes.into_router().layer(DefaultBodyLimit::max(MAX_BODY_BYTES)).with_state(backfill)
}

async fn start(
    State(backfill): State<Backfill>,
    PathParameters(name): PathParameters<String>,
    RawQuery(query): RawQuery,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    no_parameters(query.as_deref())?;
    let request = parse_request(body_text(body)?)?;
    let job = run_to_completion(async move { backfill.request(&name, &request).await }).await??;
    let mut response = json(&job)?;
    *response.status_mut() = StatusCode::ACCEPTED;
    Ok(response)
}

async fn status(
    State(backfill): State<Backfill>,
    PathParameters(name): PathParameters<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    no_parameters(query.as_deref())?;
    json(&backfill.status(&name).await?)
}

async fn pause(
    State(backfill): State<Backfill>,
    PathParameters(name): PathParameters<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    act(query, async move { backfill.pause(&name).await }).await
}

async fn resume(
    State(backfill): State<Backfill>,
    PathParameters(name): PathParameters<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    act(query, async move { backfill.resume(&name).await }).await
}

async fn cancel(
    State(backfill): State<Backfill>,
    PathParameters(name): PathParameters<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    act(query, async move { backfill.cancel(&name).await }).await
}

async fn act(
    query: Option<String>,
    action: impl Future<Output = Result<BackfillStatus, BackfillError>> + Send + 'static,
) -> Result<Response, Problem> {
    no_parameters(query.as_deref())?;
    json(&run_to_completion(action).await??)
}

/// Parses a body. An empty one is a full backfill, as an empty object is.
fn parse_request(body: String) -> Result<BackfillRequest, Problem> {
    if body.trim().is_empty() {
        return Ok(BackfillRequest::default());
    }
    let value = serde_json::from_str(&body)
        .map_err(|error| Problem::new(ProblemKind::InvalidBody, format!("the body is not JSON: {error}")))?;
    let Value::Object(members) = value else {
        let message = "invalid body: expected an object such as {\"mode\": \"full\"}";
        return Err(Problem::invalid(vec![ValidationIssue::new("", message)]));
    };
    let mut reader = BodyReader { members: &members, errors: Vec::new() };
    let request = BackfillRequest {
        mode: reader.member("mode", "\"full\", \"since\" or \"ids\"", |value| value.as_str().map(str::to_owned)),
        since: reader.member("since", "a timestamp such as \"2024-04-09T20:19:25Z\", or a date", |value| {
            timestamp(value.as_str()?, DayEnd::First)
        }),
        ids: reader.member("ids", "a list of ids such as [\"0015f00002J9YYEAA3\"]", |value| {
            value.as_array()?.iter().map(|id| id.as_str().map(str::to_owned)).collect()
        }),
        page_size: reader.member("page_size", "a whole number such as 50", whole_number),
        input: body,
    };
    reader.finish(request)
}

/// A number without a fraction: for JSON 50.0 is one, as 50 is.
fn whole_number(value: &Value) -> Option<u64> {
    let of_float = |float: f64| (float.fract() == 0.0).then(|| format!("{float:.0}").parse().ok()).flatten();
    value.as_u64().or_else(|| value.as_f64().and_then(of_float))
}

/// Reads the members of a body one by one and collects the errors.
struct BodyReader<'a> {
    members: &'a Map<String, Value>,
    errors: Vec<ValidationIssue>,
}

impl BodyReader<'_> {
    /// A member that `convert` converts; `None` from it is an error that names what is `expected`. Null counts as absent.
    fn member<T>(&mut self, name: &str, expected: &str, convert: impl Fn(&Value) -> Option<T>) -> Option<T> {
        let value = self.members.get(name).filter(|value| !value.is_null())?;
        let converted = convert(value);
        if converted.is_none() {
            self.errors.push(ValidationIssue::new(name, format!("invalid value: expected {expected}")));
        }
        converted
    }

    /// The request, or a problem with all errors.
    fn finish(mut self, request: BackfillRequest) -> Result<BackfillRequest, Problem> {
        for name in self.members.keys().filter(|name| !MEMBERS.contains(&name.as_str())) {
            let message = format!("unknown field: expected one of {}", MEMBERS.join(", "));
            self.errors.push(ValidationIssue::new(name, message));
        }
        if self.errors.is_empty() { Ok(request) } else { Err(Problem::invalid(self.errors)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<BackfillRequest, Problem> {
        parse_request(body.to_owned())
    }

    #[track_caller]
    fn check(body: &str, expected: BackfillRequest) {
        assert_eq!(read(body).unwrap(), BackfillRequest { input: body.to_owned(), ..expected }, "{body}");
    }

    #[test]
    fn every_member_of_a_body_is_optional() {
        check("", BackfillRequest::default());
        check("{}", BackfillRequest::default());
        check(r#"{"mode": null, "since": null}"#, BackfillRequest::default());
        let since = |text: &str| BackfillRequest { since: text.parse().ok(), ..BackfillRequest::default() };
        check(r#"{"since": "2024-04-09"}"#, since("2024-04-09T00:00:00Z"));
        check(r#"{"since": "2024-04-09T22:19:25+02:00"}"#, since("2024-04-09T20:19:25Z"));
        let ids = Some(vec!["a".to_owned(), "b".to_owned()]);
        let expected = BackfillRequest { mode: Some("ids".to_owned()), ids, page_size: Some(7), ..Default::default() };
        check(r#"{"mode": "ids", "ids": ["a", "b"], "page_size": 7}"#, expected);
        check(r#"{"page_size": 50.0}"#, BackfillRequest { page_size: Some(50), ..Default::default() });
    }

    #[test]
    fn all_errors_of_a_body_are_reported_together() {
        let body = r#"{"mode": 1, "since": "soon", "ids": ["a", 2], "page_size": 1.5, "Mode": "full"}"#;
        let problem = read(body).unwrap_err();
        let lines: Vec<_> = problem.errors().iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        mode: invalid value: expected "full", "since" or "ids"
        since: invalid value: expected a timestamp such as "2024-04-09T20:19:25Z", or a date
        ids: invalid value: expected a list of ids such as ["0015f00002J9YYEAA3"]
        page_size: invalid value: expected a whole number such as 50
        Mode: unknown field: expected one of mode, since, ids, page_size
        "#);
    }

    #[test]
    fn a_body_that_is_not_an_object_is_refused() {
        for body in ["[]", "1", "\"full\"", "null", "true"] {
            assert_eq!(read(body).unwrap_err().errors().len(), 1, "{body}");
        }
        for body in ["{", "full", "{} {}"] {
            assert!(read(body).unwrap_err().errors().is_empty(), "{body}");
        }
    }
}
