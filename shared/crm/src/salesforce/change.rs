//! Parses a change event into one change for each of its records.
//!
//! Every copy of one change event that says the same has the same event id, in any envelope: replay ids, event ids and
//! event times are not part of it.

use std::sync::Arc;

use annals_domain::change::Change;
use annals_domain::event::{Metadata, ObservedParts, Source};
use annals_domain::identity::{EntityName, ExternalId, Provider, ProviderAccount};
use annals_domain::position::{EventId, Position, Rank};
use annals_domain::provider_adapter::{EntityWideChange, IncomingChange, MergedChange, ParsedInput};
use annals_domain::validation_issue::ValidationIssue;

use super::envelope::{ChangeEvent, HEADER};
use super::header::{self, ChangeEventHeader};
use super::header_fields::AffectedRecords;
use super::record_list;
use super::statement::{self, EventStatement};

/// Replaces the record's id in the identity of a change that does not name its records.
const EVERY_RECORD: &str = "*";

/// Each record of an event keeps the whole input as long as all of them together take at most so many bytes. Most merged
/// events name a few records; a picklist replacement names tens of thousands.
const MAX_COPIED_BYTES: usize = 4 * 1024 * 1024;

/// Parses a change event. `org` is the one that it names, if none is configured; `errors` are those that its envelope has
/// already.
pub(super) fn read(
    account: &ProviderAccount,
    event: ChangeEvent<'_>,
    org: Option<ProviderAccount>,
    mut errors: Vec<ValidationIssue>,
    input: &str,
) -> ParsedInput {
    let ChangeEvent { header, payload, envelope_id, .. } = event;
    let checked = match header::read(&header) {
        Ok(checked) if errors.is_empty() => checked,
        Ok(_) => return ParsedInput::Malformed(errors),
        Err(more) => {
            errors.extend(more);
            return ParsedInput::Malformed(errors);
        }
    };
    let identity = Identity::of(account, &checked);
    match &checked.records {
        AffectedRecords::All(reason) => ParsedInput::EntityWide(EntityWideChange {
            entity_name: EntityName::new(checked.object),
            identity: identity.event_id(EVERY_RECORD, ""),
            reason: reason.clone(),
        }),
        AffectedRecords::Each(ids) => {
            let statement = statement::read(&checked, payload);
            let event = RecordChanges { header: &checked, identity, envelope_id, org, input };
            if ids.len() > 1 && ids.len().saturating_mul(input.len()) > MAX_COPIED_BYTES {
                return event.merged(ids, statement);
            }
            ParsedInput::Changes(event.each(ids, statement))
        }
    }
}

/// Parses a stored change event for one of its records, at the stored position.
pub(super) fn reread(
    event: ChangeEvent<'_>,
    id: &ExternalId,
    position: Position,
) -> Result<Change, Vec<ValidationIssue>> {
    let header = header::reread(&event.header, id)?;
    Ok(change(statement::read(&header, event.payload), position))
}

/// A checked change event, from which the change of each of its records is made.
struct RecordChanges<'a> {
    header: &'a ChangeEventHeader<'a>,
    identity: Identity<'a>,
    envelope_id: Option<String>,
    /// The org that the input names, if none is configured.
    org: Option<ProviderAccount>,
    input: &'a str,
}

impl RecordChanges<'_> {
    fn each(&self, ids: &[ExternalId], statement: EventStatement) -> Vec<IncomingChange> {
        let (digest, warnings) = (statement.digest(), self.warnings(&statement));
        let data: Arc<str> = self.input.into();
        let statements = std::iter::repeat_n(statement, ids.len());
        ids.iter().zip(statements).map(|(id, statement)| self.one(id, statement, &digest, &warnings, &data)).collect()
    }

    /// The changes of so many records that each gets the input without the other ids.
    fn merged(&self, ids: &[ExternalId], statement: EventStatement) -> ParsedInput {
        let Some((before, after)) = record_list::around(self.input) else {
            let message = format!("{} ids, and the list cannot be found in the text: expected it once", ids.len());
            return ParsedInput::Malformed(vec![ValidationIssue::new(format!("{HEADER}.recordIds"), message)]);
        };
        let (digest, warnings) = (statement.digest(), self.warnings(&statement));
        let event_id = |id: &ExternalId| self.identity.event_id(id.as_str(), &digest);
        let records: Vec<_> = ids.iter().map(|id| (id.clone(), event_id(id))).collect();
        let first = self.one(&ids[0], statement, &digest, &warnings, &Arc::from(""));
        ParsedInput::Merged(Box::new(MergedChange { first, records, before: before.into(), after: after.into() }))
    }

    fn one(
        &self,
        id: &ExternalId,
        statement: EventStatement,
        digest: &str,
        warnings: &[ValidationIssue],
        data: &Arc<str>,
    ) -> IncomingChange {
        let position = position(self.header, self.identity.event_id(id.as_str(), digest));
        IncomingChange {
            entity_name: EntityName::new(self.header.object),
            event_type: self.header.change_type.event_type(),
            data: Arc::clone(data),
            metadata: metadata(self.header, id, &statement, self.envelope_id.as_deref()),
            change: Arc::new(change(statement, position)),
            account: self.org.clone(),
            warnings: warnings.to_vec(),
        }
    }

    fn warnings(&self, statement: &EventStatement) -> Vec<ValidationIssue> {
        let mut warnings = self.header.warnings.clone();
        warnings.extend(statement.warning());
        warnings.extend(annals_json::has_lone_surrogate(self.input).then(lone_surrogate));
        warnings
    }
}

fn lone_surrogate() -> ValidationIssue {
    ValidationIssue::new("", "half of a surrogate pair stands alone: it is shown as the replacement character")
}

fn position(header: &ChangeEventHeader<'_>, event_id: EventId) -> Position {
    Position {
        timestamp: header.committed_at,
        rank: Rank::Change,
        commit_number: header.commit_number,
        sequence_number: header.sequence_number,
        kind: header.change_type.event_type().kind(Rank::Change),
        event_id,
    }
}

fn change(statement: EventStatement, position: Position) -> Change {
    Change {
        position,
        lifecycle: Some(statement.lifecycle),
        is_base: statement.is_base,
        creation: statement.creation,
        writes: statement.writes,
        asks_refetch: statement.asks_refetch,
        observation: None,
    }
}

fn metadata(
    header: &ChangeEventHeader<'_>,
    id: &ExternalId,
    statement: &EventStatement,
    envelope_id: Option<&str>,
) -> Metadata {
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
        observed: ObservedParts::default(),
    }
}

/// What makes the changes of one event unique at the source, except for the record: where the source places them, and
/// what they say. Of two copies that differ, neither is lost.
struct Identity<'a> {
    account: &'a str,
    object: &'a str,
    change_type: &'a str,
    transaction_key: &'a str,
    sequence_number: String,
    timestamp: String,
    /// Only if the transaction or the sequence number is missing.
    commit_number: String,
}

impl<'a> Identity<'a> {
    fn of(account: &'a ProviderAccount, header: &ChangeEventHeader<'a>) -> Self {
        let text = |number: Option<i64>| number.map(|number| number.to_string()).unwrap_or_default();
        let is_complete = header.transaction_key.is_some() && header.sequence_number.is_some();
        Self {
            account: account.as_str(),
            object: header.object,
            change_type: header.change_type.as_str(),
            transaction_key: header.transaction_key.unwrap_or_default(),
            sequence_number: text(header.sequence_number),
            timestamp: header.committed_at.millis().to_string(),
            commit_number: text(header.commit_number.filter(|_| !is_complete)),
        }
    }

    fn event_id(&self, record: &str, digest: &str) -> EventId {
        EventId::of(&[
            Provider::Salesforce.as_str(),
            self.account,
            self.object,
            record,
            self.change_type,
            self.transaction_key,
            &self.sequence_number,
            &self.timestamp,
            &self.commit_number,
            digest,
        ])
    }
}
