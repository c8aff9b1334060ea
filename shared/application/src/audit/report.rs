//! What an audit found.

use std::collections::BTreeSet;

use annals_domain::identity::{EntityName, ExternalId, Provider};
use serde::Serialize;

/// A record that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RecordDifference {
    pub external_id: ExternalId,
    /// What differs in the folded events: fields by their names here; `*` where the record is unknown here, is deleted on
    /// one side only, waits to be read again, or has a damaged stream.
    pub fields: BTreeSet<String>,
    /// What differs in the document that readers see from the folded events.
    pub document_fields: BTreeSet<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditReport {
    pub provider: Provider,
    pub entity_name: EntityName,
    pub compared: u64,
    /// Records that were changed while they were compared.
    pub changing: u64,
    pub different: Vec<RecordDifference>,
    /// Records whose difference was stored.
    pub repaired: u64,
    /// Whether all records were compared, and deletions looked for.
    pub is_complete: bool,
    /// Fields that the definition reads and the CRM does not show: they were not compared.
    pub not_shown: Vec<String>,
}
