//! What the codes mean by which a service refuses an entry, or a call.
//!
//! Promises that a code not known is the entry's own fault, so that it holds up no other. Passes on a
//! service's words only about rights and keys, never about an entry's content.

use annals_application::ports::{PortError, PortErrorKind};

/// What a code means. The client's own reading of a failed call knows DynamoDB's codes; these are
/// those of PutEvents, PublishBatch and the key service behind a topic.
pub(crate) fn kind_of(code: &str) -> PortErrorKind {
    match code.strip_suffix("Exception").unwrap_or(code) {
        "Throttling" | "Throttled" | "RequestThrottled" | "TooManyRequests" | "LimitExceeded" | "KMSThrottling" => {
            PortErrorKind::Unavailable
        }
        "ServiceUnavailable" => PortErrorKind::Unavailable,
        "Internal" | "InternalFailure" | "InternalError" | "InternalServerError" | "InternalServiceError" => {
            PortErrorKind::OutcomeUnknown
        }
        "AccessDenied" | "AuthorizationError" | "InvalidAccountId" | "InvalidSecurity" | "OptInRequired" => {
            PortErrorKind::Misconfigured
        }
        "ResourceNotFound" | "NotFound" | "EndpointDisabled" => PortErrorKind::Misconfigured,
        code if code.starts_with("NotAuthorized") || code.starts_with("KMS") => PortErrorKind::Misconfigured,
        _ => PortErrorKind::Rejected,
    }
}

/// The failure of one entry.
pub(crate) fn entry_error(resource: &str, code: &str, message: Option<&str>) -> PortError {
    let kind = kind_of(code);
    let text = match message {
        Some(message) if kind == PortErrorKind::Misconfigured => format!("an entry was refused: {code}: {message}"),
        _ => format!("an entry was refused: {code}"),
    };
    PortError::new(kind, resource, text)
}

/// The failure of a call, where its code says more than the client's reading of it.
pub(crate) fn call_error(mut error: PortError, code: Option<&str>) -> PortError {
    if error.kind == PortErrorKind::Rejected {
        error.kind = code.map_or(PortErrorKind::Rejected, kind_of);
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(kind: PortErrorKind, codes: &[&str]) {
        for code in codes {
            assert_eq!(kind_of(code), kind, "{code}");
        }
    }

    #[test]
    fn a_code_says_what_the_caller_may_do() {
        check(
            PortErrorKind::Unavailable,
            &["ThrottlingException", "Throttling", "Throttled", "ServiceUnavailable", "KMSThrottling"],
        );
        check(
            PortErrorKind::OutcomeUnknown,
            &["InternalFailure", "InternalException", "InternalError", "InternalErrorException"],
        );
        check(
            PortErrorKind::Misconfigured,
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
        check(PortErrorKind::Rejected, &["MalformedDetail", "InvalidArgument", "RedactionFailure", "InvalidParameter"]);
    }

    #[test]
    fn a_service_is_quoted_on_rights_and_never_on_content() {
        let on_rights = entry_error("bus `b`", "NotAuthorizedForSourceException", Some("no permission"));
        assert_eq!(
            on_rights.to_string(),
            "bus `b`: an entry was refused: NotAuthorizedForSourceException: no permission"
        );
        let on_content = entry_error("bus `b`", "MalformedDetail", Some("`secret` is malformed"));
        assert_eq!(on_content.to_string(), "bus `b`: an entry was refused: MalformedDetail");
    }
}
