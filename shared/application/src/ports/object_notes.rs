//! What is remembered of each object of a CRM: how far it was read, and what cannot be read.

use std::collections::BTreeSet;

use annals_domain::identity::{EntityName, Provider};
use annals_domain::path::Path;
use annals_domain::timestamp::Timestamp;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::PortError;

/// What is remembered of one object. All times are those of this installation's clock, if nothing else is said.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ObjectNote {
    /// Fields of which some record has an unknown value, and that the CRM does not show.
    pub unreadable: BTreeSet<Path>,
    /// The records that were modified until then, by the CRM's clock, are read.
    pub synced_until: Option<Timestamp>,
    /// When the scheduled sync last began to read modified records, all records, and ids.
    pub sync_started_at: Option<Timestamp>,
    pub refresh_started_at: Option<Timestamp>,
    pub compare_started_at: Option<Timestamp>,
    /// When a read of everything was requested that waits for another job of the object.
    pub refresh_requested_at: Option<Timestamp>,
    /// The last audit of all records that ended.
    pub audit: Option<AuditNote>,
    /// The last audit of a sample that ended after it.
    pub sample: Option<AuditNote>,
    /// An audit that is not done yet.
    pub requested_audit: Option<RequestedAudit>,
}

/// A request for an audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestedAudit {
    /// When it was requested, which identifies it.
    pub at: Timestamp,
    /// The records that are compared at most; `None` for all, and deletions.
    pub sample: Option<u64>,
    /// When it is tried again after a failure.
    pub not_before: Option<Timestamp>,
}

impl RequestedAudit {
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.not_before.is_none_or(|at| at <= now)
    }
}

impl ObjectNote {
    /// Notes the result of an audit. A sample says nothing of the records that it leaves out, so it replaces no audit of
    /// all.
    pub fn note_audit(&mut self, result: AuditNote) {
        if result.is_complete {
            (self.audit, self.sample) = (Some(result), None);
        } else {
            self.sample = Some(result);
        }
    }

    /// The records that differed in the last audits: at least so many differ, as far as is known. `None` before the first.
    pub fn differences(&self) -> Option<u64> {
        [&self.audit, &self.sample].into_iter().flatten().map(|note| note.different).max()
    }
}

/// The result of an audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditNote {
    pub ended_at: Timestamp,
    /// Records that were compared.
    pub compared: u64,
    /// Records that differed from the CRM's.
    pub different: u64,
    /// Whether all records were compared, not a sample.
    pub is_complete: bool,
}

pub type ObjectOfProvider = (Provider, EntityName);

/// Keeps one note an object.
#[async_trait]
pub trait ObjectNotes: Send + Sync {
    /// All notes, in any order.
    async fn notes(&self) -> Result<Vec<(ObjectOfProvider, ObjectNote)>, PortError>;

    /// The note of an object; an empty one if there is none.
    async fn note(&self, object: &ObjectOfProvider) -> Result<ObjectNote, PortError>;

    /// Compare-and-swap: stores `note` if the stored one equals `expected`; a missing note equals an empty one.
    /// Idempotent. `false`: the stored note equals neither, and stays.
    async fn replace_note(
        &self,
        object: &ObjectOfProvider,
        note: &ObjectNote,
        expected: &ObjectNote,
    ) -> Result<bool, PortError>;
}

/// Changes the note of an object, also while others change it: the change may be made several times.
pub(crate) async fn revise_note(
    notes: &dyn ObjectNotes,
    object: &ObjectOfProvider,
    change: impl Fn(&mut ObjectNote),
) -> Result<(), PortError> {
    loop {
        let expected = notes.note(object).await?;
        let mut note = expected.clone();
        change(&mut note);
        if note == expected || notes.replace_note(object, &note, &expected).await? {
            return Ok(());
        }
    }
}
