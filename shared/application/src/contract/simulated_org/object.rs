//! An object of the simulated org: its fields and records.

use std::collections::BTreeMap;
use std::sync::Arc;

use annals_domain::identity::ExternalId;
use annals_domain::timestamp::Timestamp;
use serde_json::{Map, Value, json};

use crate::ports::{FetchedRecord, ReadWindow};

/// The fields that every record has.
pub(super) const SYSTEM_FIELDS: [&str; 5] = ["Id", "IsDeleted", "CreatedDate", "LastModifiedDate", "SystemModstamp"];

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct SimulatedField {
    pub(super) is_calculated: bool,
    pub(super) is_hidden: bool,
}

/// A record as the org has it.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulatedRecord {
    /// All fields but those of the system; null where nothing was written.
    pub fields: Map<String, Value>,
    pub created: Timestamp,
    pub stamp: Timestamp,
    pub is_deleted: bool,
    /// The record that this one was merged into.
    pub merged_into: Option<ExternalId>,
}

#[derive(Debug, Default)]
pub(super) struct SimulatedObject {
    pub(super) fields: BTreeMap<String, SimulatedField>,
    pub(super) records: BTreeMap<ExternalId, SimulatedRecord>,
    /// Whether its records come with a stamp that is none.
    pub(super) is_broken: bool,
}

impl SimulatedObject {
    /// Whether a client can read a field.
    pub(super) fn shows(&self, field: &str) -> bool {
        SYSTEM_FIELDS.contains(&field) || self.fields.get(field).is_some_and(|field| !field.is_hidden)
    }

    pub(super) fn in_window(&self, window: ReadWindow) -> impl Iterator<Item = (&ExternalId, &SimulatedRecord)> {
        self.records.iter().filter(move |(_, record)| match window {
            ReadWindow::Full { until } => !record.is_deleted && record.stamp <= until,
            ReadWindow::Since { from, until } => (from..=until).contains(&record.stamp),
        })
    }

    /// A record as the org's API returns it.
    pub(super) fn fetched(&self, object: &str, id: &ExternalId, fields: &[String]) -> Option<FetchedRecord> {
        let record = self.records.get(id)?;
        let mut json = Map::from_iter([
            ("attributes".to_owned(), json!({ "type": object })),
            ("Id".to_owned(), json!(id.as_str())),
            ("IsDeleted".to_owned(), json!(record.is_deleted)),
            ("SystemModstamp".to_owned(), if self.is_broken { json!("soon") } else { json!(written(record.stamp)) }),
        ]);
        if let Some(survivor) = &record.merged_into {
            json.insert("MasterRecordId".to_owned(), json!(survivor.as_str()));
        }
        for field in fields {
            let value = match field.as_str() {
                "CreatedDate" => json!(written(record.created)),
                "LastModifiedDate" => json!(written(record.stamp)),
                _ if json.contains_key(field) => continue,
                _ => record.fields.get(field).cloned().unwrap_or_default(),
            };
            json.insert(field.clone(), value);
        }
        Some(FetchedRecord { id: id.clone(), record: Arc::from(Value::Object(json).to_string()) })
    }
}

/// A timestamp as Salesforce's REST API writes it.
fn written(timestamp: Timestamp) -> String {
    let text = timestamp.to_string();
    let seconds = text.trim_end_matches('Z');
    let seconds = seconds.split_once('.').map_or(seconds, |(seconds, _)| seconds);
    format!("{seconds}.{:03}+0000", timestamp.millis().rem_euclid(1000))
}
