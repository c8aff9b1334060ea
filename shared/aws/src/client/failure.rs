//! What an SDK error means for the caller.
//!
//! Promises that nothing is called "not done" unless the service said so, or nothing could be sent.
//! Whoever cannot tell says `OutcomeUnknown`, which every caller may answer by the same call.

use std::error::Error;

use annals_application::ports::{PortError, PortErrorKind};
use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_http::endpoint::error::ResolveEndpointError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::{ConnectorError, SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// Codes by which a service says that it has done nothing yet, and may later. A role's session that
/// ran out is renewed by the next call.
const UNAVAILABLE: [&str; 14] = [
    "ProvisionedThroughputExceeded",
    "Throttling",
    "Throttled",
    "RequestLimitExceeded",
    "RequestThrottled",
    "TooManyRequests",
    "LimitExceeded",
    "TransactionInProgress",
    "TransactionConflict",
    "ReplicatedWriteConflict",
    "KMSThrottling",
    "ServiceUnavailable",
    "ExpiredToken",
    "RequestExpired",
];

/// Codes of a service's own failure: it may have done what it was asked to.
const FAILED: [&str; 5] =
    ["Internal", "InternalFailure", "InternalError", "InternalServerError", "InternalServiceError"];

/// Codes that an operator can mend only: rights, names, keys.
const MISCONFIGURED: [&str; 13] = [
    "AccessDenied",
    "AuthorizationError",
    "UnrecognizedClient",
    "InvalidClientTokenId",
    "InvalidSignature",
    "InvalidSecurity",
    "InvalidAccountId",
    "IncompleteSignature",
    "MissingAuthenticationToken",
    "OptInRequired",
    "ResourceNotFound",
    "NotFound",
    "EndpointDisabled",
];

/// What an operator may do where the SDK has nothing to sign or to address a request with.
const NO_CREDENTIALS: &str = "there are no credentials; AWS_PROFILE names a profile that has some, AWS_ACCESS_KEY_ID \
                              and AWS_SECRET_ACCESS_KEY do without";
const NO_ENDPOINT: &str = "there is no endpoint to call; AWS_REGION, or `region` in the profile, says where it is";

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

/// What a code says by itself, of a call or of one entry in it; nothing where it is not known.
pub fn kind_of_code(code: &str) -> Option<PortErrorKind> {
    match code.strip_suffix("Exception").unwrap_or(code) {
        code if UNAVAILABLE.contains(&code) => Some(PortErrorKind::Unavailable),
        code if FAILED.contains(&code) => Some(PortErrorKind::OutcomeUnknown),
        code if MISCONFIGURED.contains(&code) => Some(PortErrorKind::Misconfigured),
        // EventBridge's of a source or a detail type; and the key service's, behind a topic or a table.
        code if code.starts_with("NotAuthorized") || code.starts_with("KMS") => Some(PortErrorKind::Misconfigured),
        _ => None,
    }
}

fn of_connector(error: Option<&ConnectorError>) -> (PortErrorKind, String) {
    match error {
        Some(error) if error.is_timeout() => (PortErrorKind::OutcomeUnknown, "no answer in time".to_owned()),
        Some(error) if error.is_io() => (PortErrorKind::OutcomeUnknown, "the connection failed".to_owned()),
        Some(error) if error.is_user() => (PortErrorKind::Misconfigured, "the endpoint cannot be called".to_owned()),
        _ => match error.and_then(before_sending) {
            Some(remedy) => (PortErrorKind::Misconfigured, remedy.to_owned()),
            None => (PortErrorKind::OutcomeUnknown, "the request was not answered".to_owned()),
        },
    }
}

/// What would help where a request was not sent for want of credentials or of an endpoint. A place
/// that gives credentials and does not answer now may do so later, so that is none of them.
fn before_sending(error: &ConnectorError) -> Option<&'static str> {
    use CredentialsError::{CredentialsNotLoaded, InvalidConfiguration};
    let remedy = |cause: &(dyn Error + 'static)| match cause.downcast_ref::<CredentialsError>() {
        Some(CredentialsNotLoaded(_) | InvalidConfiguration(_)) => Some(NO_CREDENTIALS),
        Some(_) => None,
        None => cause.is::<ResolveEndpointError>().then_some(NO_ENDPOINT),
    };
    std::iter::successors(error.source(), |&cause| cause.source()).find_map(remedy)
}

fn of_service(error: &impl ProvideErrorMetadata, status: u16) -> (PortErrorKind, String) {
    let code = error.code().unwrap_or(NO_CODE);
    let kind = kind_of_code(code).unwrap_or(match code {
        _ if status == 429 || status == 503 => PortErrorKind::Unavailable,
        // An answer that is no refusal, but that cannot be read, may be a success.
        _ if !(400..500).contains(&status) => PortErrorKind::OutcomeUnknown,
        // A refusal without a code is not the service's: something in between sent it.
        NO_CODE => PortErrorKind::Unavailable,
        _ => PortErrorKind::Rejected,
    });
    // The service's own words may quote a record's values (a validation does); its code never does.
    let message = if kind == PortErrorKind::Misconfigured {
        format!("{code}: {}", error.message().unwrap_or("no message"))
    } else {
        format!("{code} ({status})")
    };
    (kind, message)
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::error::ErrorMetadata;
    use aws_smithy_types::error::metadata::Builder as ErrorMetadataBuilder;

    use super::*;

    #[track_caller]
    fn check(kind: Option<PortErrorKind>, codes: &[&str]) {
        for code in codes {
            assert_eq!(kind_of_code(code), kind, "{code}");
        }
    }

    #[test]
    fn a_code_says_what_the_caller_may_do() {
        check(
            Some(PortErrorKind::Unavailable),
            &[
                "ProvisionedThroughputExceededException",
                "ThrottlingException",
                "Throttling",
                "Throttled",
                "ServiceUnavailable",
                "KMSThrottling",
                "ExpiredTokenException",
            ],
        );
        check(
            Some(PortErrorKind::OutcomeUnknown),
            &["InternalFailure", "InternalException", "InternalError", "InternalErrorException"],
        );
        check(
            Some(PortErrorKind::Misconfigured),
            &[
                "AccessDeniedException",
                "AuthorizationError",
                "NotAuthorizedForSourceException",
                "NotAuthorizedForSource",
                "NotAuthorizedForDetailTypeException",
                "InvalidAccountIdException",
                "KMSAccessDenied",
                "KMSDisabled",
                "ResourceNotFoundException",
            ],
        );
        check(None, &["MalformedDetail", "InvalidArgument", "RedactionFailure", "InvalidParameter", NO_CODE]);
    }

    #[track_caller]
    fn check_call(code: Option<&str>, status: u16, expected: PortErrorKind) {
        let error = ErrorMetadata::builder();
        let error = code.into_iter().fold(error, ErrorMetadataBuilder::code).build();
        assert_eq!(of_service(&error, status).0, expected, "{code:?} {status}");
    }

    #[test]
    fn where_the_code_says_nothing_the_status_does() {
        check_call(Some("ValidationException"), 400, PortErrorKind::Rejected);
        check_call(Some("SomethingNew"), 503, PortErrorKind::Unavailable);
        check_call(Some("SomethingNew"), 502, PortErrorKind::OutcomeUnknown);
        check_call(None, 403, PortErrorKind::Unavailable);
        check_call(None, 200, PortErrorKind::OutcomeUnknown);
        check_call(Some("ThrottlingException"), 400, PortErrorKind::Unavailable);
    }
}
