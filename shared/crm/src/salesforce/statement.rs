//! What one change event says about each record it lists.
//!
//! The result depends on header and body alone: the same text gives the same statement on every read. The bodies of
//! deletions and gaps are never applied.

use std::collections::BTreeSet;

use annals_domain::change::{CreationTime, FieldWrite, Lifecycle, RefetchReason, WriteContent};
use annals_domain::event::BodyForm;
use serde_json::Value;

use super::body::{self, BodyWrites};
use super::change_type::ChangeType;
use super::changed_fields::{self, ChangedFields};
use super::header::ChangeEventHeader;
use super::{avro, scalar};
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
}

pub(super) fn read(header: &ChangeEventHeader<'_>, payload: Object<'_>) -> EventStatement {
    let form = form_of(header, &payload);
    let change_type = header.change_type;
    let written = match change_type {
        ChangeType::Create | ChangeType::Undelete => whole(header, payload),
        ChangeType::Update => part(header, payload, form),
        _ => Some(BodyWrites::default()),
    };
    let asks_refetch = match &written {
        None => Some(RefetchReason::UndecodableFields),
        Some(_) if is_gap(change_type) => Some(RefetchReason::Gap),
        Some(written) if written.lacks_values => Some(RefetchReason::NotCarried),
        Some(_) if change_type == ChangeType::Undelete && form == BodyForm::Json => Some(RefetchReason::RestoredInPart),
        Some(_) => None,
    };
    let writes = written.unwrap_or_default().writes;
    EventStatement {
        form,
        lifecycle: change_type.lifecycle(),
        is_base: change_type == ChangeType::Create || (change_type == ChangeType::Undelete && form == BodyForm::Pubsub),
        creation: creation(header, &writes),
        writes,
        asks_refetch,
    }
}

fn is_gap(change_type: ChangeType) -> bool {
    change_type.event_type() == annals_domain::event::EventType::Gap
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

fn whole(header: &ChangeEventHeader<'_>, payload: Object<'_>) -> Option<BodyWrites> {
    let diffs = changed_fields::diffs(header, &payload)?;
    Some(body::all(header.object, payload, &diffs))
}

fn part(header: &ChangeEventHeader<'_>, payload: Object<'_>, form: BodyForm) -> Option<BodyWrites> {
    match changed_fields::changed(header, &payload) {
        ChangedFields::Undecodable => None,
        ChangedFields::Fields(names) => {
            let diffs = changed_fields::diffs(header, &payload)?;
            Some(body::named(header.object, payload, &names, &diffs, form))
        }
        ChangedFields::Body => {
            let written = body::all(header.object, payload, &BTreeSet::new());
            let has_writes = !written.writes.is_empty();
            // A null in the Pub/Sub form may mean `unchanged`, and without lists it is not known which do.
            let is_plain = form == BodyForm::Json || !written.writes.iter().any(is_null);
            (has_writes && is_plain).then_some(written)
        }
    }
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
