//! The change events of a simulated org, in the form of Salesforce's event relay.

use annals_domain::identity::ExternalId;
use annals_domain::timestamp::Timestamp;
use serde_json::{Map, Value, json};

use crate::rig::OBJECT;

/// What kind of change happened to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeType {
    /// With all fields that are not empty.
    Create,
    /// With the fields that changed.
    Update,
    Delete,
    /// With all fields that are not empty.
    Undelete,
    /// Without any field.
    Gap(&'static str),
}

impl ChangeType {
    fn name(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Undelete => "UNDELETE",
            Self::Gap(name) => name,
        }
    }
}

/// Numbers the transactions of an org.
#[derive(Debug, Default)]
pub struct ChangeEvents {
    transactions: u64,
}

impl ChangeEvents {
    /// The event of a change that was committed at that time.
    pub fn event(&mut self, what: ChangeType, id: &ExternalId, fields: &Map<String, Value>, at: Timestamp) -> String {
        let changed = if what == ChangeType::Update { fields.keys().cloned().collect() } else { Vec::new() };
        self.naming(what, id, fields, changed, at)
    }

    /// An update that names fields which it does not carry.
    pub fn not_carrying(&mut self, id: &ExternalId, fields: &[&str], at: Timestamp) -> String {
        let changed = fields.iter().map(|field| (*field).to_owned()).collect();
        self.naming(ChangeType::Update, id, &Map::new(), changed, at)
    }

    /// More changes in one transaction than the org reports one by one.
    pub fn overflow(&mut self, at: Timestamp) -> String {
        self.event(ChangeType::Gap("GAP_OVERFLOW"), &ExternalId::new("000000000000000AAA"), &Map::new(), at)
    }

    fn naming(
        &mut self,
        what: ChangeType,
        id: &ExternalId,
        fields: &Map<String, Value>,
        mut changed: Vec<String>,
        at: Timestamp,
    ) -> String {
        self.transactions += 1;
        if what == ChangeType::Update {
            changed.push("LastModifiedDate".to_owned());
        }
        let mut payload = Map::from_iter([(
            "ChangeEventHeader".to_owned(),
            json!({
                "entityName": OBJECT,
                "recordIds": [id.as_str()],
                "changeType": what.name(),
                "changeOrigin": "com/salesforce/api/rest/66.0",
                "transactionKey": format!("00007e6d-1720-70a0-4379-{:012x}", self.transactions),
                "sequenceNumber": 1,
                "commitTimestamp": at.millis(),
                "commitNumber": at.millis() * 1_000_000 + i64::try_from(self.transactions % 1_000_000).unwrap_or(0),
                "commitUser": "005000000000001AAA",
                "changedFields": changed,
            }),
        )]);
        let carried = fields.iter().filter(|(_, value)| what == ChangeType::Update || !value.is_null());
        payload.extend(carried.map(|(name, value)| (name.clone(), value.clone())));
        if !matches!(what, ChangeType::Gap(_) | ChangeType::Delete) {
            let second = at.plus_millis(-at.millis().rem_euclid(1_000));
            payload.insert("LastModifiedDate".to_owned(), json!(second.to_string()));
        }
        Value::Object(payload).to_string()
    }
}
