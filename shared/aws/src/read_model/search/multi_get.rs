//! The response to a request for documents by their ids.

use annals_application::ports::{PortError, PortErrorKind};
use serde::Deserialize;

/// A document for each id, in the order of the ids.
#[derive(Deserialize)]
pub(super) struct MultiGetBody {
    pub(super) docs: Vec<MultiGetDoc>,
}

#[derive(Deserialize)]
pub(super) struct MultiGetDoc {
    #[serde(default)]
    found: bool,
    #[serde(default)]
    error: Option<MultiGetError>,
}

#[derive(Deserialize)]
struct MultiGetError {
    #[serde(rename = "type")]
    error_type: String,
}

impl MultiGetDoc {
    /// Whether the document exists; an error where its shard did not respond.
    pub(super) fn exists(self, alias: &str) -> Result<bool, PortError> {
        match self.error {
            None => Ok(self.found),
            Some(error) if error.error_type == "index_not_found_exception" => Ok(false),
            Some(error) => Err(PortError::new(PortErrorKind::Unavailable, alias, error.error_type)),
        }
    }
}
