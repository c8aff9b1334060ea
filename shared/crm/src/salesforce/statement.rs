//! What one change event says of each record it names.
//!
//! Promises a reading of header and body alone: the same text gives the same statement whenever it
//! is read. Bodies of deletions and gaps are never applied.

use std::collections::BTreeSet;

use annals_domain::change::{Content, Creation, Lifecycle, RefetchReason, Write};
use annals_domain::event::BodyForm;
use serde_json::Value;

use super::body::{self, Written};
use super::change_type::ChangeType;
use super::header::Header;
use super::naming::{self, Naming};
use super::{avro, scalar};
use annals_json::Object;

/// A change without its place.
#[derive(Debug, Clone)]
pub(super) struct Statement {
    pub(super) form: BodyForm,
    pub(super) lifecycle: Lifecycle,
    pub(super) is_base: bool,
    pub(super) creation: Option<Creation>,
    pub(super) writes: Vec<Write>,
    pub(super) asks_refetch: Option<RefetchReason>,
}

/// Reads what a header and its payload say.
pub(super) fn read(header: &Header<'_>, payload: Object<'_>) -> Statement {
    let form = form_of(header, &payload);
    let change_type = header.change_type;
    let written = match change_type {
        ChangeType::Create | ChangeType::Undelete => whole(header, payload),
        ChangeType::Update => part(header, payload, form),
        _ => Some(Written::default()),
    };
    let asks_refetch = match &written {
        None => Some(RefetchReason::UndecodableFields),
        Some(_) if is_gap(change_type) => Some(RefetchReason::Gap),
        Some(written) if written.lacks_values => Some(RefetchReason::NotCarried),
        Some(_) if change_type == ChangeType::Undelete && form == BodyForm::Json => Some(RefetchReason::RestoredInPart),
        Some(_) => None,
    };
    let writes = written.unwrap_or_default().writes;
    Statement {
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

fn form_of(header: &Header<'_>, payload: &Object<'_>) -> BodyForm {
    let is_number = |field: &str| payload.get(field).is_some_and(|value| avro::inside(value).as_number().is_some());
    let has_bitmap = || header.changed.iter().flatten().any(|entry| super::bitmap::is_bitmap(entry));
    if header.has_pubsub_fields || has_bitmap() || is_number("LastModifiedDate") || is_number("CreatedDate") {
        BodyForm::Pubsub
    } else {
        BodyForm::Json
    }
}

fn whole(header: &Header<'_>, payload: Object<'_>) -> Option<Written> {
    let diffs = naming::diffs(header, &payload)?;
    Some(body::all(header.object, payload, &diffs))
}

fn part(header: &Header<'_>, payload: Object<'_>, form: BodyForm) -> Option<Written> {
    match naming::changed(header, &payload) {
        Naming::Undecodable => None,
        Naming::Fields(names) => {
            let diffs = naming::diffs(header, &payload)?;
            Some(body::named(header.object, payload, &names, &diffs, form))
        }
        Naming::Body => {
            let written = body::all(header.object, payload, &BTreeSet::new());
            let says_something = !written.writes.is_empty();
            // A Pub/Sub null may mean `unchanged`, and without names nothing tells which do.
            let is_plain = form == BodyForm::Json || !written.writes.iter().any(is_null);
            (says_something && is_plain).then_some(written)
        }
    }
}

fn is_null(write: &Write) -> bool {
    write.content == Content::Whole(Value::Null)
}

/// When the record was created, where the fields that count say it; for a creation, else its commit.
fn creation(header: &Header<'_>, writes: &[Write]) -> Option<Creation> {
    let stated = stated_creation(writes);
    let committed = || (header.change_type == ChangeType::Create).then_some(Creation::Committed(header.committed_at));
    stated.or_else(committed)
}

/// The creation that `CreatedDate` states.
pub(super) fn stated_creation(writes: &[Write]) -> Option<Creation> {
    let write = writes.iter().find(|write| write.path.as_str() == "CreatedDate")?;
    let Content::Whole(value) = &write.content else { return None };
    scalar::timestamp(value.as_number(), value.as_str()).map(Creation::Stated)
}
