//! The records of all objects, and every kind of change to them.

use std::collections::BTreeMap;
use std::ops::Bound;

use annals_crm::salesforce::Salesforce;
use annals_domain::provider_adapter::ProviderAdapter;
use annals_domain::timestamp::Timestamp;
use serde_json::{Map, Value, json};

use super::change_event::{ChangeType, CommittedChange};
use super::object::ObjectSchema;
use super::record::StoredRecord;

pub(crate) struct OrgState {
    pub(crate) id: String,
    pub(crate) captures: bool,
    pub(crate) raises_gaps: bool,
    pub(crate) events: Vec<String>,
    objects: BTreeMap<String, Object>,
    transactions: u64,
    created: u64,
}

struct Object {
    schema: ObjectSchema,
    is_captured: bool,
    records: BTreeMap<String, StoredRecord>,
}

impl OrgState {
    pub(super) fn new(id: String, objects: impl IntoIterator<Item = ObjectSchema>) -> Self {
        let object = |schema: ObjectSchema| {
            (schema.name.clone(), Object { schema, is_captured: true, records: BTreeMap::new() })
        };
        Self {
            id,
            captures: true,
            raises_gaps: false,
            events: Vec::new(),
            objects: objects.into_iter().map(object).collect(),
            transactions: 0,
            created: 0,
        }
    }

    /// The object of that name, whatever its case.
    pub(crate) fn object(&self, name: &str) -> Option<&ObjectSchema> {
        let exact = self.objects.get(name);
        let found = exact.or_else(|| self.objects.values().find(|it| it.schema.name.eq_ignore_ascii_case(name)));
        found.map(|object| &object.schema)
    }

    pub(super) fn object_mut(&mut self, name: &str) -> &mut ObjectSchema {
        &mut self.existing(name).schema
    }

    pub(crate) fn captured(&self) -> impl Iterator<Item = &str> {
        self.objects.values().filter(|object| object.is_captured).map(|object| object.schema.name.as_str())
    }

    /// The object's records in the order of their ids, deleted ones too.
    pub(crate) fn records(&self, object: &str) -> impl Iterator<Item = (&str, &StoredRecord)> {
        self.records_between(object, None, None)
    }

    /// Those of them after one id and up to another.
    pub(crate) fn records_between(
        &self,
        object: &str,
        after: Option<&str>,
        up_to: Option<&str>,
    ) -> impl Iterator<Item = (&str, &StoredRecord)> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let objects = self.objects.get(object).into_iter();
        let records = objects.flat_map(move |object| object.records.range::<str, _>((start, Bound::Unbounded)));
        let records = records.map(|(id, record)| (id.as_str(), record));
        records.take_while(move |(id, _)| up_to.is_none_or(|last| *id <= last))
    }

    /// A record with its id.
    pub(crate) fn entry(&self, object: &str, id: &str) -> Option<(&str, &StoredRecord)> {
        self.objects.get(object)?.records.get_key_value(id).map(|(id, record)| (id.as_str(), record))
    }

    pub(super) fn record(&self, object: &str, id: &str) -> Option<&StoredRecord> {
        self.entry(object, id).map(|(_, record)| record)
    }

    pub(super) fn remove_object(&mut self, name: &str) {
        self.objects.remove(name);
    }

    pub(super) fn select_for_capture(&mut self, names: &[&str]) {
        for object in self.objects.values_mut() {
            object.is_captured = names.contains(&object.schema.name.as_str());
        }
    }

    pub(super) fn create(&mut self, object: &str, fields: Map<String, Value>, at: Timestamp) -> String {
        self.created += 1;
        let number = self.created;
        let id = record_id(&self.existing(object).schema.key_prefix, number);
        self.insert(object, &id, fields, at);
        id
    }

    pub(super) fn put(&mut self, object: &str, id: &str, fields: Map<String, Value>, at: Timestamp) {
        if self.record(object, id).is_some() {
            self.update(object, id, fields, at);
        } else {
            self.insert(object, id, fields, at);
        }
    }

    fn insert(&mut self, object: &str, id: &str, fields: Map<String, Value>, at: Timestamp) {
        let schema = &self.existing(object).schema;
        let mut record: Map<String, Value> = schema.fields.iter().map(|it| (it.name.clone(), Value::Null)).collect();
        record.extend(schema.typed(fields));
        record.insert("Id".to_owned(), json!(id));
        record.insert("IsDeleted".to_owned(), json!(false));
        for field in ["CreatedDate", "LastModifiedDate", "SystemModstamp"] {
            record.insert(field.to_owned(), json!(stamp(at)));
        }
        self.existing(object).records.insert(id.to_owned(), StoredRecord { fields: record });
        self.raise(object, id, ChangeType::Create, Vec::new(), at);
    }

    pub(super) fn update(&mut self, object: &str, id: &str, fields: Map<String, Value>, at: Timestamp) {
        let mut changed: Vec<String> = fields.keys().cloned().collect();
        changed.push("LastModifiedDate".to_owned());
        self.write(object, id, fields, at);
        self.raise(object, id, ChangeType::Update, changed, at);
    }

    pub(super) fn recalculate(&mut self, object: &str, id: &str, fields: Map<String, Value>) {
        let fields = self.existing(object).schema.typed(fields);
        self.existing_record(object, id).fields.extend(fields);
    }

    pub(super) fn delete(&mut self, object: &str, id: &str, survivor: Option<&str>, at: Timestamp) {
        let mut fields = Map::from_iter([("IsDeleted".to_owned(), json!(true))]);
        fields.extend(survivor.map(|survivor| ("MasterRecordId".to_owned(), json!(survivor))));
        self.write(object, id, fields, at);
        self.raise(object, id, ChangeType::Delete, Vec::new(), at);
    }

    pub(super) fn undelete(&mut self, object: &str, id: &str, at: Timestamp) {
        self.write(object, id, Map::from_iter([("IsDeleted".to_owned(), json!(false))]), at);
        self.raise(object, id, ChangeType::Undelete, Vec::new(), at);
    }

    pub(super) fn purge(&mut self, object: &str, id: &str) {
        self.existing(object).records.remove(id);
    }

    fn write(&mut self, object: &str, id: &str, fields: Map<String, Value>, at: Timestamp) {
        let fields = self.existing(object).schema.typed(fields);
        let record = self.existing_record(object, id);
        record.fields.extend(fields);
        for field in ["LastModifiedDate", "SystemModstamp"] {
            record.fields.insert(field.to_owned(), json!(stamp(at)));
        }
    }

    fn raise(&mut self, object: &str, id: &str, change_type: ChangeType, changed: Vec<String>, at: Timestamp) {
        self.transactions += 1;
        let captured = self.captures && self.existing(object).is_captured;
        let Some(record) = self.record(object, id).filter(|_| captured) else { return };
        let change = CommittedChange {
            org: &self.id,
            object,
            id,
            change_type,
            is_gap: self.raises_gaps,
            changed,
            transaction: self.transactions,
            committed_at: at,
        };
        let event = change.relayed(&record.fields);
        self.events.push(event);
    }

    fn existing(&mut self, object: &str) -> &mut Object {
        self.objects.get_mut(object).unwrap_or_else(|| panic!("no object `{object}` in this org"))
    }

    fn existing_record(&mut self, object: &str, id: &str) -> &mut StoredRecord {
        let records = &mut self.existing(object).records;
        records.get_mut(id).unwrap_or_else(|| panic!("no record `{id}` of `{object}` in this org"))
    }
}

/// A time as REST writes it, cut to the second.
pub(super) fn stamp(at: Timestamp) -> String {
    let millis = at.millis();
    let second = at.plus_millis(-(millis % 1_000)).to_string();
    format!("{}.000+0000", second.trim_end_matches('Z'))
}

/// The id of the org's n-th record, in 18 characters. Later records have greater ids.
fn record_id(key_prefix: &str, number: u64) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut own = [b'0'; 12];
    own[..3].copy_from_slice(b"5fA");
    let mut rest = number;
    for place in own.iter_mut().rev() {
        if rest == 0 {
            break;
        }
        *place = DIGITS[usize::try_from(rest % 62).expect("below 62")];
        rest /= 62;
    }
    let id: String = key_prefix.bytes().chain(own).map(char::from).collect();
    Salesforce::new(None).canonical_id(&id).expect("15 letters and digits").as_str().to_owned()
}
