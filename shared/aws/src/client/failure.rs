//! The meaning of an SDK error for the caller.
//!
//! A call counts as not applied only if the service said so, or if it could not be sent. Otherwise its outcome is
//! unknown, and the caller may make the same call again.

use std::error::Error;

use annals_application::ports::{PortError, PortErrorKind};
use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_http::endpoint::error::ResolveEndpointError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::{ConnectorError, SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// Error codes of a service that has done nothing, and may do it later. An expired session of a role is renewed by the
/// next call.
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

/// Error codes of a failure inside the service: it may have carried out the call.
const FAILED: [&str; 5] =
    ["Internal", "InternalFailure", "InternalError", "InternalServerError", "InternalServiceError"];

/// Error codes whose cause only an operator can repair: rights, names, keys.
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

/// Messages for a request that the SDK cannot sign or address, with what an operator can do.
const NO_CREDENTIALS: &str = "no credentials: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
const NO_ENDPOINT: &str = "no endpoint: set AWS_REGION, or `region` in the profile";

/// Replaces the code of a response without one.
const NO_CODE: &str = "no code";

/// The error of a call on `resource`: a table, a bus or a topic.
pub fn port_error<E>(resource: &str, error: SdkError<E, HttpResponse>) -> PortError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let (kind, message) = match &error {
        SdkError::ConstructionFailure(_) => (PortErrorKind::Misconfigured, "the request cannot be built".to_owned()),
        SdkError::TimeoutError(_) => (PortErrorKind::OutcomeUnknown, "no response in time".to_owned()),
        SdkError::DispatchFailure(failure) => of_connector(failure.as_connector_error()),
        SdkError::ResponseError(_) => (PortErrorKind::OutcomeUnknown, "the response cannot be read".to_owned()),
        SdkError::ServiceError(error) => of_service(error.err(), error.raw().status().as_u16()),
        _ => (PortErrorKind::OutcomeUnknown, "the call failed".to_owned()),
    };
    PortError::new(kind, resource, message).caused_by(error)
}

/// The meaning of the error code of a call, or of one entry in it; `None` if the code is unknown.
pub fn kind_of_code(code: &str) -> Option<PortErrorKind> {
    match code.strip_suffix("Exception").unwrap_or(code) {
        code if UNAVAILABLE.contains(&code) => Some(PortErrorKind::Unavailable),
        code if FAILED.contains(&code) => Some(PortErrorKind::OutcomeUnknown),
        code if MISCONFIGURED.contains(&code) => Some(PortErrorKind::Misconfigured),
        // EventBridge's for a source or a detail type, and those of the key service used by a topic or a table.
        code if code.starts_with("NotAuthorized") || code.starts_with("KMS") => Some(PortErrorKind::Misconfigured),
        _ => None,
    }
}

fn of_connector(error: Option<&ConnectorError>) -> (PortErrorKind, String) {
    match error {
        Some(error) if error.is_timeout() => (PortErrorKind::OutcomeUnknown, "no response in time".to_owned()),
        Some(error) if error.is_io() => (PortErrorKind::OutcomeUnknown, "the connection failed".to_owned()),
        Some(error) if error.is_user() => (PortErrorKind::Misconfigured, "the endpoint cannot be called".to_owned()),
        _ => match error.and_then(not_sent) {
            Some(remedy) => (PortErrorKind::Misconfigured, remedy.to_owned()),
            None => (PortErrorKind::OutcomeUnknown, "no response to the request".to_owned()),
        },
    }
}

/// The message for a request that could not be sent for lack of credentials or an endpoint. A credentials provider
/// that does not respond is not such a case: it may respond later.
fn not_sent(error: &ConnectorError) -> Option<&'static str> {
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
        // A response that is neither readable nor a client error may be a success.
        _ if !(400..500).contains(&status) => PortErrorKind::OutcomeUnknown,
        // A client error without a code does not come from the service, but from something in between.
        NO_CODE => PortErrorKind::Unavailable,
        _ => PortErrorKind::Rejected,
    });
    // The service's message may quote a record's values, as for a validation; its code never does.
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
    fn an_error_code_decides_what_the_caller_may_do() {
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
    fn the_status_decides_if_the_code_is_unknown() {
        check_call(Some("ValidationException"), 400, PortErrorKind::Rejected);
        check_call(Some("SomethingNew"), 503, PortErrorKind::Unavailable);
        check_call(Some("SomethingNew"), 502, PortErrorKind::OutcomeUnknown);
        check_call(None, 403, PortErrorKind::Unavailable);
        check_call(None, 200, PortErrorKind::OutcomeUnknown);
        check_call(Some("ThrottlingException"), 400, PortErrorKind::Unavailable);
    }
}
