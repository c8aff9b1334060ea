//! The error of every call to a CRM, and what its caller may do about it.

use std::error::Error;

use annals_domain::timestamp::Timestamp;

use super::crm_quota::Quota;

/// What went wrong, in terms of what the caller may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CrmErrorKind {
    /// No response, a proxy's error, or a server that is down: the same call may succeed later.
    Unavailable,
    /// Too many calls at a time: the same call may succeed at that time, or soon if it is not known.
    Throttled { until: Option<Timestamp> },
    /// A quota is used up: no call that counts against it succeeds before that time, if it is known.
    QuotaExhausted { quota: Quota, until: Option<Timestamp> },
    /// The query took too long, or its response is too large: a smaller page may succeed.
    TooLarge,
    /// The credentials are refused, or grant too little: a person must act. Other objects fail too.
    Unauthorised,
    /// The object does not exist, or may not be read: a person must act. Other objects can be read.
    ObjectMissing,
    /// These fields do not exist, or may not be read. The same call without them may succeed.
    FieldsMissing(Vec<String>),
    /// The cursor of a page is not valid any more: the same window can be read again from its start.
    CursorExpired,
    /// The response is not what the CRM documents, such as HTML, a cut body, or a wrong number of rows. The same call
    /// may succeed, since proxies do that.
    Malformed,
    /// The CRM refuses this call for another reason, and always will.
    Rejected,
}

/// A failed call to a CRM. Nothing was changed there: all calls only read.
#[derive(Debug, thiserror::Error)]
#[error("{crm}: {message}")]
pub struct CrmError {
    pub kind: CrmErrorKind,
    /// The address of the CRM, such as `acme.my.salesforce.com`.
    pub crm: String,
    /// One line: what was called, what the CRM said, and what helps. Without secrets and values of records.
    pub message: String,
    #[source]
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

impl CrmError {
    pub fn new(kind: CrmErrorKind, crm: impl Into<String>, message: impl Into<String>) -> Self {
        Self { kind, crm: crm.into(), message: message.into(), source: None }
    }

    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Whether the same call may succeed within a minute, without a person's help.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self.kind,
            CrmErrorKind::Unavailable
                | CrmErrorKind::Throttled { .. }
                | CrmErrorKind::Malformed
                | CrmErrorKind::TooLarge
                | CrmErrorKind::CursorExpired
        )
    }

    /// Whether calls for other objects fail for the same reason.
    pub fn concerns_all_objects(&self) -> bool {
        matches!(
            self.kind,
            CrmErrorKind::Unavailable
                | CrmErrorKind::Throttled { .. }
                | CrmErrorKind::QuotaExhausted { .. }
                | CrmErrorKind::Unauthorised
        )
    }
}
