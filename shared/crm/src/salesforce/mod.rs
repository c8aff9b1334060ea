//! Salesforce, by Change Data Capture and its REST API.
//!
//! Promises one reading of a change whatever way it came: Event Relay, AppFlow, CometD, Pub/Sub or
//! bare. What is no change event is named and left; what is malformed is told with every reason.
//! Does not talk to Salesforce.

mod avro;
mod bitmap;
mod body;
mod change;
mod change_type;
mod envelope;
mod header;
mod ids;
mod image;
mod naming;
mod paths;
mod person_name;
mod scalar;
mod statement;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;

use annals_domain::change::Change;
use annals_domain::event::{DomainEvent, Source};
use annals_domain::identity::{EntityName, ExternalId, Provider, ProviderAccount};
use annals_domain::path::Path;
use annals_domain::provider_adapter::{Image, IncomingChange, Intake, ProviderAdapter, UnreadableEvent};
use annals_domain::validation_issue::ValidationIssue;
use serde_json::Value;

use self::envelope::Opened;
use annals_json as json;

/// The Salesforce adapter of one org.
#[derive(Debug, Clone)]
pub struct Salesforce {
    account: ProviderAccount,
    checks_org: bool,
}

impl Salesforce {
    /// The adapter of that org (its id, 15 or 18 characters). Without one, no org is checked.
    pub fn new(account: Option<ProviderAccount>) -> Self {
        let checks_org = account.is_some();
        let account =
            account.map_or_else(ProviderAccount::unset, |org| ProviderAccount::new(canonical_org(org.as_str())));
        Self { account, checks_org }
    }

    /// What speaks against an input of that org.
    fn refusals(&self, org: Option<&str>) -> Vec<ValidationIssue> {
        let other = org.filter(|org| self.checks_org && canonical_org(org) != self.account.as_str());
        let message = |org: &str| {
            format!("the org `{org}` does not fit; `{}` would, the org of this installation", self.account.as_str())
        };
        other.map(|org| ValidationIssue::new("source", message(org))).into_iter().collect()
    }

    fn reread(&self, event: &DomainEvent) -> Result<Change, Vec<ValidationIssue>> {
        let id = &event.metadata.external_id;
        if event.metadata.source == Source::Backfill {
            let subject = image::Subject { account: &self.account, object: &event.entity_name, id };
            return image::reread(&subject, event);
        }
        let value = json::read(&event.data).map_err(|fault| vec![unreadable(&fault)])?;
        match envelope::open(value) {
            Opened::Change(delivery) => change::reread(delivery, id, event.position),
            Opened::Other(what) => Err(vec![ValidationIssue::new("", what)]),
            Opened::Broken(issue) | Opened::Unrecognised(issue) => Err(vec![issue]),
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

    fn canonical(&self, object: &EntityName, field: &str) -> Path {
        paths::canonical(object.as_str(), field)
    }

    fn canonical_id(&self, id: &str) -> Option<ExternalId> {
        ids::canonical(id)
    }

    fn struct_text(&self, leaves: &BTreeMap<&str, Cow<'_, Value>>) -> Option<String> {
        person_name::text(leaves)
    }

    fn read_input(&self, input: &str) -> Intake {
        let value = match json::read(input) {
            Ok(value) => value,
            Err(fault) => return Intake::Unrecognised(unreadable(&fault)),
        };
        match envelope::open(value) {
            Opened::Change(delivery) => {
                let refusals = self.refusals(delivery.org.as_deref());
                change::read(&self.account, delivery, refusals, input)
            }
            Opened::Other(what) => Intake::Ignored(what),
            Opened::Broken(issue) => Intake::Malformed(vec![issue]),
            Opened::Unrecognised(issue) => Intake::Unrecognised(issue),
        }
    }

    fn read_image(
        &self,
        object: &EntityName,
        id: &ExternalId,
        image: &Image,
    ) -> Result<IncomingChange, Vec<ValidationIssue>> {
        image::read(&image::Subject { account: &self.account, object, id }, image)
    }

    fn read_event(&self, event: &DomainEvent) -> Result<Change, UnreadableEvent> {
        self.reread(event).map_err(|issues| {
            let reasons: Vec<String> = issues.iter().map(ValidationIssue::to_string).collect();
            UnreadableEvent { event_id: event.event_id(), reason: reasons.join("; ") }
        })
    }
}

/// An org's id in 18 characters; a name that is no id stands for itself.
fn canonical_org(org: &str) -> String {
    ids::canonical(org).map_or_else(|| org.to_owned(), |id| id.as_str().to_owned())
}

fn unreadable(fault: &json::JsonFault) -> ValidationIssue {
    ValidationIssue::new("", format!("cannot be read as JSON: {fault}"))
}
