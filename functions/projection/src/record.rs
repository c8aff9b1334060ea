//! The kinds of records in the events table's stream. Each record is parsed by itself, so that none fails the others.

use annals_application::ports::StoredEvent;
use annals_aws::event_store::{decode, key_of};
use annals_domain::identity::EntityKey;
use annals_domain::position::Version;
use annals_domain::timestamp::Timestamp;
use annals_lambda::at_source_location;
use serde::Deserialize;
use serde_json::Number;
use serde_json::value::RawValue;

/// A batch as the event source mapping sends it, with unparsed records.
#[derive(Debug, Deserialize)]
pub(crate) struct Batch {
    #[serde(rename = "Records")]
    pub(crate) records: Vec<Box<RawValue>>,
}

#[derive(Debug)]
pub(crate) enum Record {
    Appended(Appended),
    /// An appended event that cannot be decoded, or not be returned to the stream.
    Unreadable {
        key: EntityKey,
        version: Version,
        /// Empty if the record has none.
        sequence: String,
        reason: String,
    },
    /// Not an append: a change or removal of a stored item, or not a record of this stream.
    Foreign(String),
}

#[derive(Debug)]
pub(crate) struct Appended {
    pub(crate) stored: StoredEvent,
    /// The record's sequence number: the mapping retries from the lowest one that failed.
    pub(crate) sequence: String,
    /// When it entered the stream, to the second.
    pub(crate) entered_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct StreamRecord {
    #[serde(rename = "eventName")]
    name: String,
    dynamodb: Change,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Change {
    /// Empty if it is missing: such a record cannot be returned to the stream.
    #[serde(default)]
    sequence_number: String,
    #[serde(default)]
    keys: Option<serde_dynamo::Item>,
    #[serde(default)]
    new_image: Option<serde_dynamo::Item>,
    #[serde(default)]
    approximate_creation_date_time: Option<Number>,
}

impl Record {
    pub(crate) fn read(raw: &RawValue) -> Self {
        let record: StreamRecord = match serde_json::from_str(raw.get()) {
            Ok(record) => record,
            Err(error) => return Self::Foreign(at_source_location("not a stream record: unexpected JSON", &error)),
        };
        let Change { sequence_number: sequence, keys, new_image, approximate_creation_date_time } = record.dynamodb;
        if record.name != "INSERT" {
            return Self::Foreign(format!("{} of a stored item, sequence number {sequence}", record.name));
        }
        if sequence.is_empty() {
            return Self::unreadable(keys.or(new_image), sequence, "the record has no sequence number".to_owned());
        }
        let decoded = new_image.ok_or_else(|| "the record has no new image".to_owned());
        match decoded.and_then(|image| decode(image).map_err(|error| error.to_string())) {
            Ok(stored) => {
                Self::Appended(Appended { stored, sequence, entered_at: timestamp(approximate_creation_date_time) })
            }
            Err(reason) => Self::unreadable(keys, sequence, reason),
        }
    }

    fn unreadable(keys: Option<serde_dynamo::Item>, sequence: String, reason: String) -> Self {
        match keys.as_ref().map(key_of) {
            Some(Ok((key, version))) => Self::Unreadable { key, version, sequence, reason },
            _ => Self::Foreign(format!("an item without an event's key, sequence number {sequence}")),
        }
    }
}

fn timestamp(seconds: Option<Number>) -> Option<Timestamp> {
    let seconds = seconds?.as_f64()?;
    Timestamp::from_millis((seconds * 1_000.0) as i64).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(record: &serde_json::Value, is_unreadable: bool) {
        let raw = serde_json::value::to_raw_value(record).expect("JSON");
        match Record::read(&raw) {
            Record::Unreadable { key, version, sequence, reason } => {
                assert!(is_unreadable, "{reason}");
                assert_eq!((key.entity_name.as_str(), version.get(), sequence.as_str()), ("Account", 3, ""));
                assert_eq!(reason, "the record has no sequence number");
            }
            Record::Foreign(what) => assert!(!is_unreadable, "{what}"),
            Record::Appended(_) => panic!("it cannot be returned to the stream"),
        }
    }

    /// It would neither be projected nor parked otherwise.
    #[test]
    fn an_appended_event_without_a_sequence_number_is_parked_by_its_key() {
        let key = json!({"entity_key": {"S": "Account#5f5b3f3e-6a25-5b43-9d60-3f6a5b7d9f11"}, "version": {"N": "3"}});
        check(&json!({"eventName": "INSERT", "dynamodb": {"Keys": key}}), true);
        check(&json!({"eventName": "INSERT", "dynamodb": {"NewImage": key}}), true);
        check(&json!({"eventName": "INSERT", "dynamodb": {"Keys": {"id": {"S": "a"}}}}), false);
        check(&json!({"eventName": "REMOVE", "dynamodb": {"Keys": key}}), false);
    }
}
