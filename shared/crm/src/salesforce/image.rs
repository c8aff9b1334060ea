//! Parses a record image: a record as Salesforce's REST API returns it.
//!
//! Equal contents with the same modification time have the same event id, whenever they were read; a correction has one
//! of its own.

use std::collections::BTreeSet;
use std::sync::Arc;

use annals_domain::change::{Change, FieldWrite, Lifecycle, Observation};
use annals_domain::event::{BodyForm, EventInput, EventType, Metadata, ObservedParts, Source};
use annals_domain::identity::{EntityName, ExternalId, Provider, ProviderAccount};
use annals_domain::position::{ChangeKind, EventId, Position, Rank};
use annals_domain::provider_adapter::{IncomingChange, RecordImage};
use annals_domain::timestamp::Timestamp;
use annals_domain::validation_issue::ValidationIssue;

use super::{body, ids, scalar, statement};
use annals_json as json;
use annals_json::{Json, Object};

use crate::canonical_json;

/// The data of an image of a record that does not exist.
const ABSENT: &str = "null";

pub(super) struct RecordRef<'a> {
    pub(super) account: &'a ProviderAccount,
    pub(super) object: &'a EntityName,
    pub(super) id: &'a ExternalId,
}

struct ImageContent {
    stamp: Timestamp,
    lifecycle: Lifecycle,
    merged_into: Option<ExternalId>,
    writes: Vec<FieldWrite>,
}

pub(super) fn read(record_ref: &RecordRef<'_>, image: &RecordImage) -> Result<IncomingChange, Vec<ValidationIssue>> {
    let (content, hash) = match &image.record {
        Some(record) => {
            let fields = fields(record)?;
            let hash = canonical_json::sha256_of_fields(fields.iter().filter(|(key, _)| *key != "attributes"));
            (content(record_ref, fields)?, hash)
        }
        None => (absence(image.fetched_at), canonical_json::sha256(&Json::Null)),
    };
    let (lifecycle, merged_into) = (content.lifecycle, content.merged_into.clone());
    Ok(IncomingChange {
        entity_name: record_ref.object.clone(),
        event_type: if lifecycle == Lifecycle::Deleted { EventType::Deleted } else { EventType::Updated },
        change: Arc::new(change(position(record_ref, &content, &hash, image), &image.observed, content)),
        data: image.record.clone().unwrap_or_else(|| Arc::from(ABSENT)),
        metadata: metadata(record_ref.id, merged_into, image.observed.clone()),
        account: None,
        warnings: Vec::new(),
    })
}

/// Parses a stored image, at the stored position.
pub(super) fn reread(record_ref: &RecordRef<'_>, event: &EventInput<'_>) -> Result<Change, Vec<ValidationIssue>> {
    let content = match event.data {
        ABSENT => absence(event.position.timestamp),
        record => content(record_ref, fields(record)?)?,
    };
    Ok(change(event.position, event.observed, content))
}

fn absence(fetched_at: Timestamp) -> ImageContent {
    ImageContent { stamp: fetched_at, lifecycle: Lifecycle::Deleted, merged_into: None, writes: Vec::new() }
}

/// The fields of a record as the REST API returns it.
fn fields(record: &str) -> Result<Object<'_>, Vec<ValidationIssue>> {
    let value = json::read(record)
        .map_err(|error| vec![ValidationIssue::new("", format!("cannot be read as JSON: {error}"))])?;
    let Json::Object(fields) = value else {
        return Err(vec![ValidationIssue::new(
            "",
            "invalid record: expected a JSON object as the REST API returns it",
        )]);
    };
    Ok(fields)
}

fn content(record_ref: &RecordRef<'_>, mut fields: Object<'_>) -> Result<ImageContent, Vec<ValidationIssue>> {
    let own_id = check_id(&fields, record_ref.id);
    let stamp = stamp(&fields);
    let (Ok(()), Ok(stamp)) = (&own_id, &stamp) else {
        return Err(own_id.err().into_iter().chain(stamp.err()).collect());
    };
    let is_deleted = fields.get("IsDeleted") == Some(&Json::Bool(true));
    let master = fields.get("MasterRecordId").and_then(Json::as_str).and_then(ids::canonical);
    keep_own_fields(&mut fields);
    Ok(ImageContent {
        stamp: *stamp,
        lifecycle: if is_deleted { Lifecycle::Deleted } else { Lifecycle::Active },
        merged_into: master.filter(|_| is_deleted),
        writes: body::all(record_ref.object.as_str(), fields, &BTreeSet::new()).writes,
    })
}

fn check_id(fields: &Object<'_>, id: &ExternalId) -> Result<(), ValidationIssue> {
    let Some(own) = fields.get("Id") else { return Ok(()) };
    if own.as_str().and_then(ids::canonical).as_ref() == Some(id) {
        return Ok(());
    }
    Err(ValidationIssue::new("Id", format!("invalid id `{own}`: expected `{id}`, the requested record")))
}

fn stamp(fields: &Object<'_>) -> Result<Timestamp, ValidationIssue> {
    let there = ["SystemModstamp", "LastModifiedDate"].into_iter().find_map(|field| {
        let value = fields.get(field).filter(|value| !value.is_null())?;
        Some((field, value))
    });
    let Some((field, value)) = there else {
        return Err(ValidationIssue::new("SystemModstamp", "missing, like LastModifiedDate: expected one of the two"));
    };
    scalar::timestamp(value.as_number(), value.as_str())
        .ok_or_else(|| ValidationIssue::new(field, format!("invalid value `{value}`: expected a timestamp")))
}

/// Removes what is not part of the record: REST's `attributes`, and records of other objects.
fn keep_own_fields(fields: &mut Object<'_>) {
    fields.retain(|key, value| {
        let is_nested_result = value.as_object().is_some_and(|inner| inner.contains_key("records"));
        key != "attributes" && !is_nested_result
    });
    fields.values_mut().filter_map(Json::as_object_mut).for_each(keep_own_fields);
}

fn position(record_ref: &RecordRef<'_>, content: &ImageContent, hash: &str, image: &RecordImage) -> Position {
    let rank = if image.still_fresh { Rank::FreshImage } else { Rank::Image };
    // A fresh image and a later one with equal contents have different positions, so they are two events.
    let kind = if image.still_fresh { "fresh image" } else { "image" };
    let stamp = content.stamp.millis().to_string();
    let mut identity = vec![
        Provider::Salesforce.as_str(),
        record_ref.account.as_str(),
        record_ref.object.as_str(),
        record_ref.id.as_str(),
        kind,
        &stamp,
        hash,
    ];
    let fetched_at = image.fetched_at.millis().to_string();
    if image.is_correction {
        identity.push(&fetched_at);
    }
    let event_id = EventId::of(&identity);
    let commit_number = Some(image.fetched_at.millis());
    Position {
        timestamp: content.stamp,
        rank,
        commit_number,
        sequence_number: None,
        kind: ChangeKind::Update,
        event_id,
    }
}

fn change(position: Position, observed: &ObservedParts, content: ImageContent) -> Change {
    let creation = statement::stated_creation(&content.writes);
    let (observed_writes, writes) = content.writes.into_iter().partition(|write| observed.covers(&write.path));
    Change {
        position,
        lifecycle: Some(content.lifecycle),
        is_base: true,
        creation,
        writes,
        asks_refetch: None,
        observation: observation(position, observed.whole, observed_writes),
    }
}

/// What the image states as of the time at which it was read, which is its commit number.
fn observation(stated: Position, is_whole: bool, writes: Vec<FieldWrite>) -> Option<Box<Observation>> {
    if writes.is_empty() && !is_whole {
        return None;
    }
    let fetched_at = stated.commit_number.and_then(|millis| Timestamp::from_millis(millis).ok());
    let timestamp = fetched_at.map_or(stated.timestamp, |fetched_at| fetched_at.max(stated.timestamp));
    let position = Position { timestamp, rank: Rank::Image, ..stated };
    Some(Box::new(Observation { position, is_whole, writes }))
}

fn metadata(id: &ExternalId, merged_into: Option<ExternalId>, observed: ObservedParts) -> Metadata {
    Metadata {
        source: Source::Backfill,
        body_form: BodyForm::Image,
        provider: Provider::Salesforce,
        external_id: id.clone(),
        user: None,
        change_origin: None,
        transaction_key: None,
        correlation_id: None,
        causation_id: None,
        merged_into,
        meets_image: false,
        observed,
    }
}
