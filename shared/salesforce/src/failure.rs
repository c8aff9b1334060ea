//! What a response that is not a success means for the caller.
//!
//! Salesforce writes errors in three forms: a list of codes with messages, one such object, and OAuth's error with its
//! description. Proxies and pages of maintenance answer in HTML.

use std::time::Duration;

use serde::Deserialize;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// The token is no longer valid: a new one may be.
    SessionExpired,
    /// The credentials or the rights do not allow it: a person must act.
    Unauthorised,
    /// The day's API calls are used up.
    CallsUsedUp,
    /// Too many calls at once.
    Throttled,
    /// No answer, or one that says to try again.
    Unavailable,
    ObjectMissing,
    FieldsMissing(Vec<String>),
    /// The query takes too long: a smaller one may not.
    QueryTooLarge,
    /// The rest of a result is gone: the read starts again.
    ResultExpired,
    NotFound,
    /// The answer is not what Salesforce documents.
    Malformed,
    /// The request itself is refused, and would be again.
    Rejected,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failure {
    pub(crate) kind: FailureKind,
    /// One line, with Salesforce's code, without secrets.
    pub(crate) message: String,
    pub(crate) retry_after: Option<Duration>,
}

impl Failure {
    pub(crate) fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), retry_after: None }
    }

    pub(crate) fn malformed(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Malformed, message)
    }

    /// Whether the same call may succeed within seconds.
    pub(crate) fn is_transient(&self) -> bool {
        matches!(self.kind, FailureKind::Throttled | FailureKind::Unavailable | FailureKind::Malformed)
    }

    /// The failure that a response states. `body` is the whole body of a response that is not a success.
    pub(crate) fn of_response(status: u16, body: &str) -> Self {
        let Some(stated) = StatedError::parse(body) else { return Self::of_status(status, body) };
        let kind = kind_of_code(&stated.code, &stated.message).unwrap_or_else(|| kind_of_status(status));
        let advice = advice(&stated.code, &stated.message).map(|advice| format!(": {advice}")).unwrap_or_default();
        Self::new(kind, format!("{}: {}{advice} (HTTP {status})", stated.code, first_line(&stated.message)))
    }

    fn of_status(status: u16, body: &str) -> Self {
        let what = if is_html(body) { "an HTML page" } else { "no error that Salesforce documents" };
        Self::new(kind_of_status(status), format!("HTTP {status} with {what}"))
    }
}

pub(crate) fn is_html(body: &str) -> bool {
    let start = body.trim_start().get(..9).unwrap_or_default().to_ascii_lowercase();
    start.starts_with("<!doctype") || start.starts_with("<html")
}

struct StatedError {
    code: String,
    message: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ErrorForm {
    List(Vec<RestError>),
    One(RestError),
    OAuth { error: String, error_description: Option<String> },
}

#[derive(Deserialize)]
struct RestError {
    #[serde(rename = "errorCode")]
    code: String,
    #[serde(default)]
    message: String,
}

impl StatedError {
    fn parse(body: &str) -> Option<Self> {
        let error = match serde_json::from_str(body).ok()? {
            ErrorForm::List(errors) => errors.into_iter().next()?,
            ErrorForm::One(error) => error,
            ErrorForm::OAuth { error, error_description } => {
                return Some(Self { code: error, message: error_description.unwrap_or_default() });
            }
        };
        Some(Self { code: error.code, message: error.message })
    }
}

/// The message's last line that says something: a query's errors begin with the query.
fn first_line(message: &str) -> &str {
    message.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("no message")
}

fn kind_of_code(code: &str, message: &str) -> Option<FailureKind> {
    use FailureKind as Kind;
    let kind = match code {
        "INVALID_SESSION_ID" => Kind::SessionExpired,
        // The same code for too many calls at once and too many a day.
        "REQUEST_LIMIT_EXCEEDED" if message.contains("Concurrent") => Kind::Throttled,
        "REQUEST_LIMIT_EXCEEDED" => Kind::CallsUsedUp,
        "EXCEEDED_RATE_LIMIT" | "TXN_SECURITY_METERING_ERROR" => Kind::Throttled,
        "SERVER_UNAVAILABLE"
        | "API_CURRENTLY_DISABLED"
        | "UNKNOWN_EXCEPTION"
        | "UNABLE_TO_LOCK_ROW"
        | "server_error"
        | "temporarily_unavailable"
        | "unknown_error" => Kind::Unavailable,
        "INVALID_TYPE" => Kind::ObjectMissing,
        "INVALID_FIELD" => Kind::FieldsMissing(missing_column(message).into_iter().collect()),
        "QUERY_TIMEOUT" | "OPERATION_TOO_LARGE" | "QUERY_TOO_COMPLICATED" => Kind::QueryTooLarge,
        "INVALID_QUERY_LOCATOR" => Kind::ResultExpired,
        "NOT_FOUND" => Kind::NotFound,
        "INVALID_AUTH_HEADER"
        | "INVALID_LOGIN"
        | "API_DISABLED_FOR_ORG"
        | "INSUFFICIENT_ACCESS"
        | "INSUFFICIENT_ACCESS_OR_READONLY"
        | "FUNCTIONALITY_NOT_ENABLED"
        | "FORBIDDEN"
        | "CLIENT_NOT_ACCESSIBLE_FOR_USER"
        | "INVALID_OPERATION_WITH_EXPIRED_PASSWORD"
        | "OAUTH_APP_BLOCKED"
        | "invalid_grant"
        | "invalid_client"
        | "invalid_client_id"
        | "invalid_client_credentials"
        | "invalid_app_access"
        | "inactive_user"
        | "inactive_org"
        | "access_denied"
        | "unauthorized_client"
        | "unsupported_grant_type"
        | "invalid_request"
        | "invalid_scope"
        | "rate_limit_exceeded" => {
            if code == "rate_limit_exceeded" {
                Kind::Throttled
            } else {
                Kind::Unauthorised
            }
        }
        _ => return None,
    };
    Some(kind)
}

/// The field that a message names: `No such column 'X' on …`.
fn missing_column(message: &str) -> Option<String> {
    let (_, after) = message.split_once("No such column '")?;
    after.split_once('\'').map(|(field, _)| field.to_owned())
}

fn kind_of_status(status: u16) -> FailureKind {
    match status {
        401 => FailureKind::SessionExpired,
        403 => FailureKind::Unauthorised,
        404 => FailureKind::NotFound,
        408 | 500..=599 => FailureKind::Unavailable,
        420 | 429 => FailureKind::Throttled,
        400..=499 => FailureKind::Rejected,
        // A redirect, or a success that is none.
        _ => FailureKind::Malformed,
    }
}

/// What to do, for the errors of a first connection.
fn advice(code: &str, message: &str) -> Option<&'static str> {
    let message = message.to_ascii_lowercase();
    Some(match code {
        "invalid_client_id" => "check ANNALS_SALESFORCE_CLIENT_ID: the app's consumer key",
        "invalid_client" | "invalid_client_credentials" => {
            "check ANNALS_SALESFORCE_CLIENT_SECRET: the app's consumer secret"
        }
        "invalid_grant" if message.contains("client credentials user") => {
            "choose the user that the app runs as, in the app's policies"
        }
        "invalid_grant" if message.contains("approved") => {
            "let the user use the app without approval: its profile or permission set"
        }
        "invalid_grant" if message.contains("assertion") => "upload the certificate of this private key to the app",
        "invalid_grant" if message.contains("audience") => "ANNALS_SALESFORCE_URL must be the org's own domain",
        "invalid_grant" if message.contains("expired") => "check the clock of this machine",
        "invalid_grant" => "check the user and the app's policies",
        "invalid_app_access" => "give the user a permission set or profile that may use the app",
        "API_DISABLED_FOR_ORG" => "the org's edition or the user's profile has no API",
        _ => return None,
    })
}
