//! A record as Salesforce's REST API gives it: an image.
//!
//! Promises that equal contents of one stamp have one event id, whenever they were fetched. Does
//! not fetch.

use std::collections::BTreeSet;
use std::sync::Arc;

use annals_domain::change::{Change, Lifecycle};
use annals_domain::event::{BodyForm, DomainEvent, EventType, Metadata, Source};
use annals_domain::identity::{EntityName, ExternalId, Provider, ProviderAccount};
use annals_domain::position::{EventId, Position, Rank};
use annals_domain::provider_adapter::{Image, IncomingChange};
use annals_domain::timestamp::Timestamp;
use annals_domain::validation_issue::ValidationIssue;

use super::{body, ids, scalar, statement};
use annals_json as json;
use annals_json::{Json, Object};

use crate::canonical_json;

/// The data of an image that shows no record.
const ABSENT: &str = "null";

/// Whose image it is.
pub(super) struct Subject<'a> {
    pub(super) account: &'a ProviderAccount,
    pub(super) object: &'a EntityName,
    pub(super) id: &'a ExternalId,
}

/// What one image shows.
struct Shown {
    stamp: Timestamp,
    lifecycle: Lifecycle,
    hash: String,
    merged_into: Option<ExternalId>,
    writes: Vec<annals_domain::change::Write>,
}

/// Reads an image.
pub(super) fn read(subject: &Subject<'_>, image: &Image) -> Result<IncomingChange, Vec<ValidationIssue>> {
    let shown = match &image.record {
        Some(record) => show(subject, record)?,
        None => absence(image.fetched_at),
    };
    let (lifecycle, merged_into) = (shown.lifecycle, shown.merged_into.clone());
    Ok(IncomingChange {
        entity_name: subject.object.clone(),
        event_type: if lifecycle == Lifecycle::Deleted { EventType::Deleted } else { EventType::Updated },
        change: Arc::new(change(position(subject, &shown, image), shown)),
        data: image.record.clone().unwrap_or_else(|| Arc::from(ABSENT)),
        metadata: metadata(subject.id, merged_into),
        warnings: Vec::new(),
    })
}

/// What a stored image says, at its stored position.
pub(super) fn reread(subject: &Subject<'_>, event: &DomainEvent) -> Result<Change, Vec<ValidationIssue>> {
    let shown = match &*event.data {
        ABSENT => absence(event.position.timestamp),
        record => show(subject, record)?,
    };
    Ok(change(event.position, shown))
}

fn absence(fetched_at: Timestamp) -> Shown {
    let hash = canonical_json::sha256(&Json::Null);
    Shown { stamp: fetched_at, lifecycle: Lifecycle::Deleted, hash, merged_into: None, writes: Vec::new() }
}

fn show(subject: &Subject<'_>, record: &str) -> Result<Shown, Vec<ValidationIssue>> {
    let value = json::read(record)
        .map_err(|fault| vec![ValidationIssue::new("", format!("the record cannot be read: {fault}"))])?;
    let Json::Object(mut fields) = value else {
        return Err(vec![ValidationIssue::new("", "the record is no object; a record as REST gives it would fit")]);
    };
    let own_id = check_id(&fields, subject.id);
    let stamp = stamp(&fields);
    let (Ok(()), Ok(stamp)) = (&own_id, &stamp) else {
        return Err(own_id.err().into_iter().chain(stamp.err()).collect());
    };
    let is_deleted = fields.get("IsDeleted") == Some(&Json::Bool(true));
    let master = fields.get("MasterRecordId").and_then(Json::as_str).and_then(ids::canonical);
    let content = fields.iter().filter(|(key, _)| *key != "attributes");
    let hash = canonical_json::sha256_of_fields(content);
    keep_own_fields(&mut fields);
    Ok(Shown {
        stamp: *stamp,
        lifecycle: if is_deleted { Lifecycle::Deleted } else { Lifecycle::Active },
        hash,
        merged_into: master.filter(|_| is_deleted),
        writes: body::all(subject.object.as_str(), fields, &BTreeSet::new()).writes,
    })
}

fn check_id(fields: &Object<'_>, id: &ExternalId) -> Result<(), ValidationIssue> {
    let Some(own) = fields.get("Id") else { return Ok(()) };
    if own.as_str().and_then(ids::canonical).as_ref() == Some(id) {
        return Ok(());
    }
    Err(ValidationIssue::new("Id", format!("`{own}` does not fit; `{id}` would, the record that was asked for")))
}

fn stamp(fields: &Object<'_>) -> Result<Timestamp, ValidationIssue> {
    let there = ["SystemModstamp", "LastModifiedDate"].into_iter().find_map(|field| {
        let value = fields.get(field).filter(|value| !value.is_null())?;
        Some((field, value))
    });
    let Some((field, value)) = there else {
        return Err(ValidationIssue::new(
            "SystemModstamp",
            "missing, as is LastModifiedDate; an image needs one of them",
        ));
    };
    scalar::timestamp(value.as_number(), value.as_str())
        .ok_or_else(|| ValidationIssue::new(field, format!("`{value}` does not fit; a timestamp would")))
}

/// Drops what is not the record's own: REST's `attributes`, and records of other objects.
fn keep_own_fields(fields: &mut Object<'_>) {
    fields.retain(|key, value| {
        let is_nested_result = value.as_object().is_some_and(|inner| inner.contains_key("records"));
        key != "attributes" && !is_nested_result
    });
    fields.values_mut().filter_map(Json::as_object_mut).for_each(keep_own_fields);
}

fn position(subject: &Subject<'_>, shown: &Shown, image: &Image) -> Position {
    let rank = if image.still_fresh { Rank::FreshImage } else { Rank::Image };
    // A fresh image and a settled one of equal content stand at two places: they are two events.
    let kind = if image.still_fresh { "fresh image" } else { "image" };
    let stamp = shown.stamp.millis().to_string();
    let event_id = EventId::of(&[
        Provider::Salesforce.as_str(),
        subject.account.as_str(),
        subject.object.as_str(),
        subject.id.as_str(),
        kind,
        &stamp,
        &shown.hash,
    ]);
    let commit_number = Some(image.fetched_at.millis());
    Position { timestamp: shown.stamp, rank, commit_number, sequence_number: None, event_id }
}

fn change(position: Position, shown: Shown) -> Change {
    Change {
        position,
        lifecycle: Some(shown.lifecycle),
        is_base: true,
        creation: statement::stated_creation(&shown.writes),
        writes: shown.writes,
        asks_refetch: None,
    }
}

fn metadata(id: &ExternalId, merged_into: Option<ExternalId>) -> Metadata {
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
    }
}
