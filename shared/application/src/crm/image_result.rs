//! What storing the image of a record came to.

use std::collections::BTreeSet;

use annals_domain::identity::{EntityKey, ExternalId};
use annals_domain::path::Path;
use annals_domain::position::Version;

/// What storing an image came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageEffect {
    /// Nothing was known of the whole record.
    Created,
    Updated,
    Deleted,
    /// It says nothing new.
    Unchanged,
    /// It cannot be read as a record; it is in quarantine.
    Refused,
    /// The stream of the record is damaged, so nothing can be appended to it; see the log.
    Damaged,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageResult {
    pub key: EntityKey,
    pub external_id: ExternalId,
    pub effect: ImageEffect,
    /// The newest version of the stream that is known; 0 without a stream.
    pub version: Version,
    /// Whether the record must be read once more in a few seconds: it changed while it was read.
    pub read_again: bool,
    /// What is still unknown of the record.
    pub unknown: BTreeSet<Path>,
}

impl ImageResult {
    pub(super) fn unchanged(key: EntityKey, external_id: ExternalId) -> Self {
        Self {
            key,
            external_id,
            effect: ImageEffect::Unchanged,
            version: Version::new(0),
            read_again: false,
            unknown: BTreeSet::new(),
        }
    }
}
