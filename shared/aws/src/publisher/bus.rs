//! What EventBridge and SNS have in common: a call sends up to ten entries and returns an outcome for each.

use annals_application::ports::{NormalizedEntityEvent, PortError, PortErrorKind};
use async_trait::async_trait;

use crate::client::kind_of_code;

/// The default byte limit of a call: 256 KiB, the oldest limit of EventBridge and SNS, which every region accepts.
/// EventBridge accepts 1 MiB by now; there `ANNALS_EVENT_MAX_BYTES` may be raised.
pub const DEFAULT_MAX_BYTES: usize = 262_144;

/// A service that accepts up to ten entries in a call.
#[async_trait]
pub(crate) trait Bus: Send + Sync {
    /// An event as the service's SDK sends it.
    type Entry: Clone + Send + Sync;

    fn resource(&self) -> &str;

    /// How many bytes the entries of one call may have.
    fn max_bytes(&self) -> usize;

    fn entry(&self, event: &NormalizedEntityEvent, message: String) -> Self::Entry;

    /// An entry's size in bytes, as the service counts it.
    fn size(&self, entry: &Self::Entry) -> usize;

    /// Makes one call. Returns an outcome for each entry, in their order, or the failure of the whole call.
    async fn send(&self, entries: Vec<Self::Entry>) -> Result<Vec<EntryOutcome>, PortError>;
}

#[derive(Debug)]
pub(crate) enum EntryOutcome {
    Accepted,
    /// The service may accept it later.
    Retryable(PortError),
    /// The service never accepts it, or only after somebody has repaired something.
    Failed(PortError),
}

impl EntryOutcome {
    /// The service responded to the call, but not to this entry.
    pub(crate) fn missing(resource: &str) -> Self {
        Self::Retryable(PortError::new(PortErrorKind::OutcomeUnknown, resource, "no result for an entry"))
    }
}

/// The error of an entry that the service refuses. An unknown code is the entry's own fault. The service's message is
/// passed on only if it is about rights or keys: others may quote the entry's content.
pub(crate) fn entry_error(resource: &str, code: &str, message: Option<&str>) -> PortError {
    let kind = kind_of_code(code).unwrap_or(PortErrorKind::Rejected);
    let text = match message {
        Some(message) if kind == PortErrorKind::Misconfigured => format!("an entry was refused: {code}: {message}"),
        _ => format!("an entry was refused: {code}"),
    };
    PortError::new(kind, resource, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_of_a_service_is_quoted_about_rights_but_not_about_content() {
        let on_rights = entry_error("bus `b`", "NotAuthorizedForSourceException", Some("no permission"));
        assert_eq!(
            on_rights.to_string(),
            "bus `b`: an entry was refused: NotAuthorizedForSourceException: no permission"
        );
        let on_content = entry_error("bus `b`", "MalformedDetail", Some("`secret` is malformed"));
        assert_eq!(on_content.to_string(), "bus `b`: an entry was refused: MalformedDetail");
        assert_eq!(on_content.kind, PortErrorKind::Rejected);
    }
}
