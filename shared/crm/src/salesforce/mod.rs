//! Salesforce: Change Data Capture events and records of the REST API.
//!
//! A change event gives the same change whether it arrives by Event Relay, AppFlow, CometD, Pub/Sub or without an
//! envelope. Anything else is ignored with a reason, and an invalid change event is rejected with every error. This module
//! does not call Salesforce.

mod avro;
mod bitmap;
mod body;
mod change;
mod change_type;
mod changed_fields;
mod envelope;
mod header;
mod header_fields;
mod ids;
mod image;
mod paths;
mod person_name;
mod record_list;
mod scalar;
mod statement;
mod statement_digest;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;

use annals_domain::change::Change;
use annals_domain::event::{EventInput, Source};
use annals_domain::identity::{EntityName, ExternalId, Provider, ProviderAccount};
use annals_domain::path::Path;
use annals_domain::provider_adapter::{IncomingChange, ParsedInput, ProviderAdapter, RecordImage, UnreadableEvent};
use annals_domain::validation_issue::ValidationIssue;
use serde_json::Value;

use self::envelope::OpenedEnvelope;
use annals_json as json;

/// The Salesforce adapter of one org.
#[derive(Debug, Clone)]
pub struct Salesforce {
    account: ProviderAccount,
    checks_org: bool,
}

impl Salesforce {
    /// `account` is the org's id, 15 or 18 characters. Without one, the org of an input is not checked.
    pub fn new(account: Option<ProviderAccount>) -> Self {
        let checks_org = account.is_some();
        let account =
            account.map_or_else(ProviderAccount::unset, |org| ProviderAccount::new(canonical_org(org.as_str())));
        Self { account, checks_org }
    }

    /// The errors of an input from `org`: one if it is not the org of this installation.
    fn org_errors(&self, org: Option<&str>) -> Vec<ValidationIssue> {
        let other = org.filter(|org| self.checks_org && canonical_org(org) != self.account.as_str());
        let message = |org: &str| {
            format!("invalid org `{org}`: expected `{}`, the org of this installation", self.account.as_str())
        };
        other.map(|org| ValidationIssue::new("source", message(org))).into_iter().collect()
    }

    fn reread(&self, event: &EventInput<'_>) -> Result<Change, Vec<ValidationIssue>> {
        let id = event.external_id;
        if event.source == Source::Backfill {
            let record = image::RecordRef { account: &self.account, object: event.entity_name, id };
            return image::reread(&record, event);
        }
        let value = json::read(event.data).map_err(|error| vec![not_json(&error)])?;
        match envelope::open(value) {
            OpenedEnvelope::Change(change_event) => change::reread(change_event, id, event.position),
            OpenedEnvelope::Other(what) => Err(vec![ValidationIssue::new("", what)]),
            OpenedEnvelope::Broken(issue) | OpenedEnvelope::Unrecognised(issue) => Err(vec![issue]),
        }
    }
}

impl ProviderAdapter for Salesforce {
    fn provider(&self) -> Provider {
        Provider::Salesforce
    }

    fn account(&self) -> &ProviderAccount {
        &self.account
    }

    fn id_field(&self) -> &'static str {
        "Id"
    }

    fn deleted_field(&self) -> Option<&str> {
        Some("IsDeleted")
    }

    fn stamp_field(&self) -> Option<&str> {
        Some("SystemModstamp")
    }

    fn canonical_path(&self, object: &EntityName, field: &str) -> Path {
        paths::canonical(object.as_str(), field)
    }

    fn canonical_id(&self, id: &str) -> Option<ExternalId> {
        ids::canonical(id)
    }

    fn struct_text(&self, leaves: &BTreeMap<&str, Cow<'_, Value>>) -> Option<String> {
        person_name::text(leaves)
    }

    fn read_input(&self, input: &str) -> ParsedInput {
        let value = match json::read(input) {
            Ok(value) => value,
            Err(error) => return ParsedInput::Unrecognised(not_json(&error)),
        };
        match envelope::open(value) {
            OpenedEnvelope::Change(event) => {
                let org_errors = self.org_errors(event.org.as_deref());
                let named = event.org.as_deref().filter(|_| !self.checks_org);
                let named = named.map(|org| ProviderAccount::new(canonical_org(org)));
                change::read(&self.account, event, named, org_errors, input)
            }
            OpenedEnvelope::Other(what) => ParsedInput::Ignored(what),
            OpenedEnvelope::Broken(issue) => ParsedInput::Malformed(vec![issue]),
            OpenedEnvelope::Unrecognised(issue) => ParsedInput::Unrecognised(issue),
        }
    }

    fn read_image(
        &self,
        object: &EntityName,
        id: &ExternalId,
        image: &RecordImage,
    ) -> Result<IncomingChange, Vec<ValidationIssue>> {
        image::read(&image::RecordRef { account: &self.account, object, id }, image)
    }

    fn read_event(&self, event: &EventInput<'_>) -> Result<Change, UnreadableEvent> {
        self.reread(event).map_err(|issues| {
            let reasons: Vec<String> = issues.iter().map(ValidationIssue::to_string).collect();
            UnreadableEvent { event_id: event.position.event_id, reason: reasons.join("; ") }
        })
    }
}

/// An org's id in 18 characters; another name is returned unchanged.
fn canonical_org(org: &str) -> String {
    ids::canonical(org).map_or_else(|| org.to_owned(), |id| id.as_str().to_owned())
}

fn not_json(error: &json::JsonError) -> ValidationIssue {
    ValidationIssue::new("", format!("cannot be read as JSON: {error}"))
}
