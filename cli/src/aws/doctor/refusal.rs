//! Why a service refused a call, as far as it makes a difference to a check.

use annals_application::log_chain;
use annals_aws::client::port_error;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use crate::doctor::Check;

/// Why a call was refused.
pub(super) enum Refusal {
    /// The caller lacks the permission.
    NotAllowed,
    /// The resource does not exist.
    NotFound,
    /// This endpoint has no such operation: a local stand-in for AWS may lack some.
    Unsupported,
    /// The condition of a write does not hold.
    ConditionFailed,
    /// Anything else, with the message of the error.
    Other(String),
}

impl Refusal {
    pub(super) fn of<E>(resource: &str, error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        match error.code() {
            Some(
                "AccessDeniedException"
                | "AccessDenied"
                | "AuthorizationError"
                | "AuthorizationErrorException"
                | "NotAuthorized",
            ) => Self::NotAllowed,
            Some("ResourceNotFoundException" | "NotFound" | "NotFoundException" | "TableNotFoundException") => {
                Self::NotFound
            }
            Some("UnknownOperationException" | "UnsupportedOperationException" | "NotImplemented") => Self::Unsupported,
            Some("ConditionalCheckFailedException") => Self::ConditionFailed,
            _ => Self::Other(log_chain(&port_error(resource, error))),
        }
    }

    /// The check of a call that the installation needs. `action` is its permission, `not_found` what to do if the
    /// resource does not exist.
    pub(super) fn check(self, name: String, action: &str, not_found: &str) -> Check {
        match self {
            Self::NotAllowed => Check::wrong(name, lacks(action), format!("grant {action} to it")),
            Self::NotFound => Check::wrong(name, "not found", not_found),
            Self::Unsupported => Check::unknown(name, "this endpoint does not support it"),
            Self::ConditionFailed => Check::unknown(name, "refused by its condition"),
            Self::Other(message) => {
                Check::wrong(name, message, "check AWS_REGION, AWS_ENDPOINT_URL and the network connection")
            }
        }
    }

    /// The check of a call that only the doctor makes: without the permission nothing is wrong.
    pub(super) fn check_of_doctor(self, name: String, action: &str, not_found: &str) -> Check {
        match self {
            Self::NotAllowed => Check::unknown(name, lacks(action)),
            other => other.check(name, action, not_found),
        }
    }
}

/// What is found if this role lacks the permission.
pub(super) fn lacks(action: &str) -> String {
    format!("this role lacks the permission {action}")
}
