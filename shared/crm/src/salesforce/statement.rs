//! What one change event says about each record it lists.
//!
//! The result depends on header and body alone: the same text gives the same statement on every read. The bodies of
//! deletions and gaps are never applied.

use std::collections::BTreeSet;

use annals_domain::change::{CreationTime, FieldWrite, Lifecycle, RefetchReason, WriteContent};
use annals_domain::event::{BodyForm, EventType};
use annals_domain::path::Path;
use annals_domain::validation_issue::ValidationIssue;
use serde_json::Value;

use super::body::{self, BodyWrites};
use super::change_type::ChangeType;
use super::changed_fields::{self, ChangedFields};
use super::envelope::HEADER;
use super::header::ChangeEventHeader;
use super::statement_digest::StatementDigest;
use super::{avro, scalar};
use crate::canonical_json;
use annals_json::Object;

/// A change without its position.
#[derive(Debug, Clone)]
pub(super) struct EventStatement {
    pub(super) form: BodyForm,
    pub(super) lifecycle: Lifecycle,
    pub(super) is_base: bool,
    pub(super) creation: Option<CreationTime>,
    pub(super) writes: Vec<FieldWrite>,
    pub(super) asks_refetch: Option<RefetchReason>,
    /// A hash of the body if its fields cannot be decoded: then nothing else distinguishes two copies.
    undecoded: Option<String>,
}

/// A body whose fields cannot be decoded.
struct Undecodable {
    hash: String,
    /// Fields that the event may have changed, as far as it tells.
    doubtful: BTreeSet<Path>,
}

pub(super) fn read(header: &ChangeEventHeader<'_>, payload: Object<'_>) -> EventStatement {
    let form = form_of(header, &payload);
    let change_type = header.change_type;
    let decoded = match change_type {
        ChangeType::Create | ChangeType::Undelete => whole(header, payload),
        ChangeType::Update => part(header, payload, form),
        _ => Ok(BodyWrites::default()),
    };
    let (mut written, undecoded) = match decoded {
        Ok(written) => (written, None),
        Err(Undecodable { hash, doubtful }) => (body::unknown(doubtful), Some(hash)),
    };
    // A field that is null at the creation is as good as one that is left out, which is what other forms do.
    written.writes.retain(|write| change_type != ChangeType::Create || !is_null(write));
    let asks_refetch = match change_type {
        _ if undecoded.is_some() => Some(RefetchReason::UndecodableFields),
        _ if is_gap(change_type) => Some(RefetchReason::Gap),
        _ if written.lacks_values => Some(RefetchReason::NotCarried),
        ChangeType::Undelete if form == BodyForm::Json => Some(RefetchReason::RestoredInPart),
        _ => None,
    };
    EventStatement {
        form,
        lifecycle: change_type.lifecycle(),
        is_base: change_type == ChangeType::Create || (change_type == ChangeType::Undelete && form == BodyForm::Pubsub),
        creation: creation(header, &written.writes),
        writes: written.writes,
        asks_refetch,
        undecoded,
    }
}

impl EventStatement {
    pub(super) fn digest(&self) -> String {
        StatementDigest::new(self.is_base, self.undecoded.as_deref()).of(&self.writes)
    }

    /// The warning that the record changed and the event does not say how. Short, because each such event keeps it.
    pub(super) fn warning(&self) -> Option<ValidationIssue> {
        match self.asks_refetch? {
            RefetchReason::Gap if self.lifecycle == Lifecycle::Active => {
                Some(ValidationIssue::new("", "what changed is unknown"))
            }
            RefetchReason::UndecodableFields => {
                let field = format!("{HEADER}.changedFields");
                Some(ValidationIssue::new(field, "cannot be decoded: what changed is unknown"))
            }
            _ => None,
        }
    }
}

fn is_gap(change_type: ChangeType) -> bool {
    change_type.event_type() == EventType::Gap
}

fn form_of(header: &ChangeEventHeader<'_>, payload: &Object<'_>) -> BodyForm {
    let is_number = |field: &str| payload.get(field).is_some_and(|value| avro::inside(value).as_number().is_some());
    let has_bitmap = || header.changed.iter().flatten().any(|entry| super::bitmap::is_bitmap(entry));
    if header.has_pubsub_fields || has_bitmap() || is_number("LastModifiedDate") || is_number("CreatedDate") {
        BodyForm::Pubsub
    } else {
        BodyForm::Json
    }
}

fn whole(header: &ChangeEventHeader<'_>, payload: Object<'_>) -> Result<BodyWrites, Undecodable> {
    match changed_fields::diffs(header, &payload) {
        Some(diffs) => Ok(body::all(header.object, payload, &diffs)),
        None => Err(undecodable(&payload, BTreeSet::new())),
    }
}

fn part(header: &ChangeEventHeader<'_>, payload: Object<'_>, form: BodyForm) -> Result<BodyWrites, Undecodable> {
    match changed_fields::changed(header, &payload) {
        ChangedFields::Undecodable => Err(undecodable(&payload, BTreeSet::new())),
        ChangedFields::Contradicted(doubtful) => Err(undecodable(&payload, doubtful)),
        ChangedFields::Fields(named) => Ok(body::named(header.object, payload, &named, form)),
        ChangedFields::Body => {
            let written = body::all(header.object, payload, &BTreeSet::new());
            // A null in the Pub/Sub form may mean `unchanged`, and without lists it is not known which do.
            let is_plain = form == BodyForm::Json || !written.writes.iter().any(is_null);
            if is_plain && !written.writes.is_empty() {
                return Ok(written);
            }
            let hash = StatementDigest::new(false, None).of(&written.writes);
            Err(Undecodable { hash, doubtful: BTreeSet::new() })
        }
    }
}

fn undecodable(payload: &Object<'_>, doubtful: BTreeSet<Path>) -> Undecodable {
    let fields = payload.iter().filter(|(key, _)| *key != HEADER);
    Undecodable { hash: canonical_json::sha256_of_fields(fields), doubtful }
}

fn is_null(write: &FieldWrite) -> bool {
    write.content == WriteContent::Value(Value::Null)
}

/// When the record was created: by its `CreatedDate`, or by the commit of its creation.
fn creation(header: &ChangeEventHeader<'_>, writes: &[FieldWrite]) -> Option<CreationTime> {
    let stated = stated_creation(writes);
    let committed =
        || (header.change_type == ChangeType::Create).then_some(CreationTime::Committed(header.committed_at));
    stated.or_else(committed)
}

pub(super) fn stated_creation(writes: &[FieldWrite]) -> Option<CreationTime> {
    let write = writes.iter().find(|write| write.path.as_str() == "CreatedDate")?;
    let WriteContent::Value(value) = &write.content else { return None };
    scalar::timestamp(value.as_number(), value.as_str()).map(CreationTime::Stated)
}
