//! The response to a bulk call: one result for each item.

use std::borrow::Cow;

use annals_application::ports::{IndexOutcome, PortError, PortErrorKind};
use serde::Deserialize;

use crate::read_model::bulk::request::WriteTarget;
use crate::read_model::transport::error_kind;

/// The response to a bulk call. [`BulkResponse::FILTER_PATH`] keeps it to what is read here.
#[derive(Deserialize)]
pub(crate) struct BulkResponse<'a> {
    #[serde(borrow, default)]
    items: Vec<ResponseItem<'a>>,
}

#[derive(Deserialize)]
struct ResponseItem<'a> {
    #[serde(borrow)]
    index: ItemStatus<'a>,
}

#[derive(Deserialize)]
pub(crate) struct ItemStatus<'a> {
    status: u16,
    #[serde(borrow, default, rename = "_index")]
    index: Cow<'a, str>,
    #[serde(borrow, default)]
    error: ItemError<'a>,
}

#[derive(Deserialize, Default)]
struct ItemError<'a> {
    #[serde(borrow, default, rename = "type")]
    error_type: Cow<'a, str>,
    #[serde(borrow, default)]
    reason: Cow<'a, str>,
}

/// The result of writing a document to one index.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BulkItemResult {
    Outcome(IndexOutcome),
    /// The index or alias does not exist.
    IndexMissing,
}

impl<'a> BulkResponse<'a> {
    pub(crate) const FILTER_PATH: &'static str =
        "items.*.status,items.*._index,items.*.error.type,items.*.error.reason,error,Message,message";

    /// The status of each item; an error where their number is not that of the request.
    pub(crate) fn into_items(
        self,
        resource: &str,
        sent: usize,
    ) -> Result<impl Iterator<Item = ItemStatus<'a>>, PortError> {
        if self.items.len() != sent {
            let message = format!("{sent} items were sent, but the response has {}", self.items.len());
            return Err(PortError::new(PortErrorKind::OutcomeUnknown, resource, message));
        }
        Ok(self.items.into_iter().map(|item| item.index))
    }
}

impl ItemStatus<'_> {
    /// The index that was written, where the write succeeded.
    pub(crate) fn written_index(&self) -> Option<&str> {
        matches!(self.status, 200..300).then_some(&*self.index)
    }

    /// The result of the item; an error where the item must be sent again.
    pub(crate) fn result(&self, target: &WriteTarget) -> Result<BulkItemResult, PortError> {
        let Self { status, error, .. } = self;
        let outcome = match (status, &*error.error_type) {
            (200..300, _) => IndexOutcome::Indexed,
            (409, _) => IndexOutcome::AlreadyNewer,
            (404, "index_not_found_exception") => return Ok(BulkItemResult::IndexMissing),
            // Several indices have the alias. That is not the fault of the document, but other indices work.
            (400, _) if error.reason.starts_with("no write index") => {
                let message = "several indices have this alias, and none is its write index";
                IndexOutcome::Refused(format!("{}: {message}", target.name()))
            }
            // The document is invalid, or its index is closed.
            (400, _) => IndexOutcome::Refused(error.without_value(target)),
            (status, error_type) => {
                let message = format!("an item was not written: {error_type} ({status})");
                // An invalid document has the status 400. Every other failure is one of the index.
                let kind = match error_kind(*status, error_type) {
                    PortErrorKind::Rejected => PortErrorKind::OutcomeUnknown,
                    kind => kind,
                };
                return Err(PortError::new(kind, target.name(), message));
            }
        };
        Ok(BulkItemResult::Outcome(outcome))
    }
}

impl ItemError<'_> {
    /// The error without the value that OpenSearch's own reason quotes.
    fn without_value(&self, target: &WriteTarget) -> String {
        let field = self.reason.split_once("field [").and_then(|(_, rest)| rest.split_once(']'));
        let is_path = |field: &&str| field.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.'));
        match field.map(|(field, _)| field).filter(is_path) {
            Some(field) => format!("{}: {} at `{field}`", target.name(), self.error_type),
            None => format!("{}: {}", target.name(), self.error_type),
        }
    }
}
