//! A delivered change event: one change a record.
//!
//! Promises the same event id for every delivery of one change, in whatever envelope: neither
//! replay ids nor delivery ids nor delivery times are in it.

use std::sync::Arc;

use annals_domain::change::Change;
use annals_domain::event::{Metadata, Source};
use annals_domain::identity::{EntityName, ExternalId, Provider, ProviderAccount};
use annals_domain::position::{EventId, Position, Rank};
use annals_domain::provider_adapter::{EntityWideChange, IncomingChange, Intake};
use annals_domain::validation_issue::ValidationIssue;

use super::envelope::{Delivery, HEADER};
use super::header::{self, Header, Records};
use super::statement::{self, Statement};
use crate::canonical_json;
use annals_json::{Json, Object};

/// Stands for the record in the identity of a change of all records.
const EVERY_RECORD: &str = "*";

/// Reads a delivery. `refusals` are what the envelope alone has against it.
pub(super) fn read(
    account: &ProviderAccount,
    delivery: Delivery<'_>,
    mut refusals: Vec<ValidationIssue>,
    input: &str,
) -> Intake {
    let Delivery { header, payload, envelope_id, .. } = delivery;
    let checked = match header::read(&header) {
        Ok(checked) if refusals.is_empty() => checked,
        Ok(_) => return Intake::Malformed(refusals),
        Err(errors) => {
            refusals.extend(errors);
            return Intake::Malformed(refusals);
        }
    };
    let identity = Identity::of(account, &checked, &header, &payload);
    match &checked.records {
        Records::All(reason) => Intake::EntityWide(EntityWideChange {
            entity_name: EntityName::new(checked.object),
            identity: identity.event_id(EVERY_RECORD),
            reason: reason.clone(),
        }),
        Records::Each(ids) => {
            let statement = statement::read(&checked, payload);
            Intake::Changes(changes(&checked, ids, statement, &identity, envelope_id.as_deref(), input))
        }
    }
}

/// What a stored change event says of one of its records, at its stored position.
pub(super) fn reread(
    delivery: Delivery<'_>,
    id: &ExternalId,
    position: Position,
) -> Result<Change, Vec<ValidationIssue>> {
    let header = header::read(&delivery.header)?;
    match &header.records {
        Records::Each(ids) if ids.contains(id) => Ok(change(statement::read(&header, delivery.payload), position)),
        _ => Err(vec![ValidationIssue::new(format!("{HEADER}.recordIds"), format!("`{id}` is not among them"))]),
    }
}

fn changes(
    header: &Header<'_>,
    ids: &[ExternalId],
    statement: Statement,
    identity: &Identity<'_>,
    envelope_id: Option<&str>,
    input: &str,
) -> Vec<IncomingChange> {
    let data: Arc<str> = input.into();
    let entity_name = EntityName::new(header.object);
    let one = |(id, statement): (&ExternalId, Statement)| IncomingChange {
        entity_name: entity_name.clone(),
        event_type: header.change_type.event_type(),
        data: Arc::clone(&data),
        metadata: metadata(header, id, &statement, envelope_id),
        change: Arc::new(change(statement, position(header, identity.event_id(id.as_str())))),
        warnings: header.warnings.clone(),
    };
    ids.iter().zip(std::iter::repeat_n(statement, ids.len())).map(one).collect()
}

fn position(header: &Header<'_>, event_id: EventId) -> Position {
    Position {
        timestamp: header.committed_at,
        rank: Rank::Change,
        commit_number: header.commit_number,
        sequence_number: header.sequence_number,
        event_id,
    }
}

fn change(statement: Statement, position: Position) -> Change {
    Change {
        position,
        lifecycle: Some(statement.lifecycle),
        is_base: statement.is_base,
        creation: statement.creation,
        writes: statement.writes,
        asks_refetch: statement.asks_refetch,
    }
}

fn metadata(header: &Header<'_>, id: &ExternalId, statement: &Statement, envelope_id: Option<&str>) -> Metadata {
    Metadata {
        source: Source::Cdc,
        body_form: statement.form,
        provider: Provider::Salesforce,
        external_id: id.clone(),
        user: header.user.map(str::to_owned),
        change_origin: header.origin.map(str::to_owned),
        transaction_key: header.transaction_key.map(str::to_owned),
        correlation_id: envelope_id.or(header.transaction_key).map(str::to_owned),
        causation_id: None,
        merged_into: None,
        meets_image: false,
    }
}

/// What makes one event's changes unique at the source, the record aside.
struct Identity<'a> {
    account: &'a str,
    object: &'a str,
    change_type: &'a str,
    transaction_key: &'a str,
    sequence_number: String,
    /// Where the transaction or the place in it is missing: commit timestamp and number, and the
    /// payload's hash, so that distinct changes never fall together.
    instead: Option<[String; 3]>,
}

impl<'a> Identity<'a> {
    fn of(account: &'a ProviderAccount, header: &Header<'a>, header_json: &Json<'_>, payload: &Object<'_>) -> Self {
        let or_empty = |number: Option<i64>| number.map(|number| number.to_string()).unwrap_or_default();
        let is_whole = header.transaction_key.is_some() && header.sequence_number.is_some();
        let instead = (!is_whole).then(|| {
            let with_header = |(key, value)| if key == HEADER { (key, header_json) } else { (key, value) };
            let fields = payload.iter().map(with_header);
            let hash = canonical_json::sha256_of_fields(fields);
            [header.committed_at.millis().to_string(), or_empty(header.commit_number), hash]
        });
        Self {
            account: account.as_str(),
            object: header.object,
            change_type: header.change_type.as_str(),
            transaction_key: header.transaction_key.unwrap_or_default(),
            sequence_number: or_empty(header.sequence_number),
            instead,
        }
    }

    fn event_id(&self, record: &str) -> EventId {
        let provider = Provider::Salesforce.as_str();
        let known = [
            provider,
            self.account,
            self.object,
            record,
            self.change_type,
            self.transaction_key,
            &self.sequence_number,
        ];
        match &self.instead {
            None => EventId::of(&known),
            Some([timestamp, commit_number, hash]) => {
                let parts: Vec<&str> = known.into_iter().chain([timestamp.as_str(), commit_number, hash]).collect();
                EventId::of(&parts)
            }
        }
    }
}
