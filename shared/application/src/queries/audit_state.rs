//! The last audits of an object, in a health report.

use annals_domain::identity::{EntityName, Provider};
use annals_domain::timestamp::Timestamp;
use serde::Serialize;

use crate::ports::{AuditNote, ObjectNote, ObjectOfProvider};

/// What an audit of an object found. A difference does not make the installation degraded: the next read of
/// everything mends it, or a rebuild where only a document differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditState {
    /// The CRM.
    pub provider: Provider,
    /// The object's name at its provider.
    pub entity_name: EntityName,
    /// By the clock of this installation.
    pub ended_at: Timestamp,
    /// Records that were compared.
    pub compared: u64,
    /// Records that differed from the CRM's.
    pub different: u64,
    /// Whether all records were compared, not a sample.
    pub is_complete: bool,
}

/// The last audit of each object, and the last sample after it. Sorted by object.
pub(super) fn last_audits(notes: Vec<(ObjectOfProvider, ObjectNote)>) -> Vec<AuditState> {
    let states = |((provider, entity_name), note): (ObjectOfProvider, ObjectNote)| {
        [note.audit, note.sample].into_iter().flatten().map(move |audit| {
            let AuditNote { ended_at, compared, different, is_complete } = audit;
            AuditState { provider, entity_name: entity_name.clone(), ended_at, compared, different, is_complete }
        })
    };
    let mut audits: Vec<AuditState> = notes.into_iter().flat_map(states).collect();
    audits.sort_by(|a, b| (a.provider, &a.entity_name).cmp(&(b.provider, &b.entity_name)));
    audits
}
