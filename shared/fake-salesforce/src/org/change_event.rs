//! Change events, in the envelope and the form of an event relay.

use annals_domain::timestamp::Timestamp;
use serde_json::{Map, Value, json};

use super::object::ADDRESS_PARTS;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChangeType {
    Create,
    Update,
    Delete,
    Undelete,
}

impl ChangeType {
    fn name(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Undelete => "UNDELETE",
        }
    }
}

pub(super) struct CommittedChange<'a> {
    pub(super) org: &'a str,
    pub(super) object: &'a str,
    pub(super) id: &'a str,
    pub(super) change_type: ChangeType,
    pub(super) is_gap: bool,
    pub(super) changed: Vec<String>,
    pub(super) transaction: u64,
    pub(super) committed_at: Timestamp,
}

impl CommittedChange<'_> {
    /// The event as EventBridge delivers it. `record` is the record after the change.
    pub(super) fn relayed(&self, record: &Map<String, Value>) -> String {
        let event = format!(
            "{}ChangeEvent",
            self.object.strip_suffix("__c").map_or(self.object.to_owned(), |own| format!("{own}__"))
        );
        let mut payload = if self.is_gap { Map::new() } else { self.body(record) };
        payload.insert("ChangeEventHeader".to_owned(), self.header());
        json!({
            "version": "0",
            "id": format!("00000000-0000-4000-8000-{:012x}", self.transaction),
            "detail-type": event,
            "source": format!("aws.partner/salesforce.com/{}/0YLQz0000000001OAA", self.org),
            "account": "111122223333",
            "time": self.committed_at.to_string(),
            "region": "eu-west-1",
            "resources": [],
            "detail": {
                "schema": "YnzIvRsHNanCNtRoaV0IoA",
                "payload": payload,
                "event": { "replayId": 40_000_000 + self.transaction },
            },
        })
        .to_string()
    }

    fn header(&self) -> Value {
        let gap = if self.is_gap { "GAP_" } else { "" };
        let changed = if self.is_gap { &[] } else { self.changed.as_slice() };
        let changed: Vec<String> = changed.iter().map(|field| address_path(field)).collect();
        let millis = self.committed_at.millis();
        json!({
            "entityName": self.object,
            "recordIds": [self.id],
            "changeType": format!("{gap}{}", self.change_type.name()),
            "changedFields": changed,
            "changeOrigin": "com/salesforce/api/soap/66.0;client=SfdcInternalAPI/",
            "transactionKey": format!("0000100a-2442-4850-abc3-{:012x}", self.transaction),
            "sequenceNumber": 1,
            "commitTimestamp": millis - millis % 1_000,
            "commitNumber": millis * 1_000_000 + i64::try_from(self.transaction % 1_000_000).unwrap_or_default(),
            "commitUser": "005Qz000001mAr1IAE",
        })
    }

    fn body(&self, record: &Map<String, Value>) -> Map<String, Value> {
        let is_in_header = |field: &str| matches!(field, "Id" | "IsDeleted" | "SystemModstamp" | "MasterRecordId");
        let is_sent = |field: &str, value: &Value| match self.change_type {
            ChangeType::Create | ChangeType::Undelete => !value.is_null(),
            ChangeType::Update => self.changed.iter().any(|changed| changed == field),
            ChangeType::Delete => false,
        };
        let mut body = Map::new();
        for (field, value) in record.iter().filter(|(field, value)| !is_in_header(field) && is_sent(field, value)) {
            match address_path(field).split_once('.') {
                Some((address, part)) => {
                    let parts = body.entry(address).or_insert_with(|| json!({}));
                    parts[part] = value.clone();
                }
                None => {
                    body.insert(field.clone(), value.clone());
                }
            }
        }
        body
    }
}

/// A part of an address has a path in change events: `BillingCity` is `BillingAddress.City`.
fn address_path(field: &str) -> String {
    let part = ADDRESS_PARTS.iter().find_map(|(part, _)| Some((field.strip_suffix(part)?, *part)));
    match part {
        Some((prefix @ ("Billing" | "Shipping"), part)) => format!("{prefix}Address.{part}"),
        _ => field.to_owned(),
    }
}
