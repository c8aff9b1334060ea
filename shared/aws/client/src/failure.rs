//! What an SDK error means for the caller.
//!
//! Promises that nothing is called "not done" unless the service said so. Whoever cannot tell says
//! `OutcomeUnknown`, which every caller may answer by the same call.

use std::error::Error;

use annals_application::ports::{PortError, PortErrorKind};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::{ConnectorError, SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// Codes by which a service says that it has done nothing yet, and may later.
const THROTTLED: [&str; 11] = [
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "Throttling",
    "ThrottledException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "TooManyRequestsException",
    "LimitExceededException",
    "TransactionInProgressException",
    "TransactionConflictException",
    "ReplicatedWriteConflictException",
];

/// Codes that an operator can mend only: rights, names, keys.
const MISCONFIGURED: [&str; 13] = [
    "AccessDeniedException",
    "AccessDenied",
    "AuthorizationError",
    "AuthorizationErrorException",
    "NotAuthorized",
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "IncompleteSignature",
    "MissingAuthenticationTokenException",
    "ResourceNotFoundException",
    "NotFound",
    "NotFoundException",
];

/// What stands for the code of an answer that has none.
const NO_CODE: &str = "no code";

/// The failure of a call on `resource` (a table, a bus, a topic).
pub fn port_error<E>(resource: &str, error: SdkError<E, HttpResponse>) -> PortError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let (kind, message) = match &error {
        SdkError::ConstructionFailure(_) => (PortErrorKind::Misconfigured, "the request cannot be made".to_owned()),
        SdkError::TimeoutError(_) => (PortErrorKind::OutcomeUnknown, "no answer in time".to_owned()),
        SdkError::DispatchFailure(failure) => of_connector(failure.as_connector_error()),
        SdkError::ResponseError(_) => (PortErrorKind::OutcomeUnknown, "the answer cannot be read".to_owned()),
        SdkError::ServiceError(answer) => of_service(answer.err(), answer.raw().status().as_u16()),
        _ => (PortErrorKind::OutcomeUnknown, "the call failed".to_owned()),
    };
    PortError::new(kind, resource, message).caused_by(error)
}

fn of_connector(error: Option<&ConnectorError>) -> (PortErrorKind, String) {
    match error {
        Some(error) if error.is_timeout() => (PortErrorKind::OutcomeUnknown, "no answer in time".to_owned()),
        Some(error) if error.is_io() => (PortErrorKind::OutcomeUnknown, "the connection failed".to_owned()),
        Some(error) if error.is_user() => (PortErrorKind::Misconfigured, "the endpoint cannot be called".to_owned()),
        _ => (PortErrorKind::OutcomeUnknown, "the request was not answered".to_owned()),
    }
}

fn of_service(error: &impl ProvideErrorMetadata, status: u16) -> (PortErrorKind, String) {
    let code = error.code().unwrap_or(NO_CODE);
    let kind = match code {
        code if THROTTLED.contains(&code) => PortErrorKind::Unavailable,
        // A role's session that ran out is renewed by the next call.
        "ExpiredTokenException" | "ExpiredToken" | "RequestExpired" => PortErrorKind::Unavailable,
        code if MISCONFIGURED.contains(&code) => PortErrorKind::Misconfigured,
        _ if status == 429 || status == 503 => PortErrorKind::Unavailable,
        // An answer that is no refusal, but that cannot be read, may be a success.
        _ if !(400..500).contains(&status) => PortErrorKind::OutcomeUnknown,
        // A refusal without a code is not the service's: something in between sent it.
        NO_CODE => PortErrorKind::Unavailable,
        _ => PortErrorKind::Rejected,
    };
    // The service's own words may quote a record's values (a validation does); its code never does.
    let message = if kind == PortErrorKind::Misconfigured {
        format!("{code}: {}", error.message().unwrap_or("no message"))
    } else {
        format!("{code} ({status})")
    };
    (kind, message)
}
