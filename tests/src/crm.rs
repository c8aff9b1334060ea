//! A simulated Salesforce with one account, which sends its changes in all the forms of the real one.
//!
//! Every input is one that a real Salesforce could send. Fields that it names without a value (unknown
//! leaves) are deliberate.

use std::sync::Arc;

use annals_application::commands::FoundRecord;
use annals_domain::identity::{EntityName, ExternalId, Provider};
use annals_domain::provider_adapter::RecordImage;
use annals_domain::timestamp::Timestamp;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::random::Random;

/// The lines of a description that is long enough to be sent as a diff.
const LINES: usize = 12;

/// Plain text fields.
const FIELDS: [&str; 5] =
    ["Name", "Account_Status__c", "Account_Priority__c", "CurrencyIsoCode", "Orfium_SSO_ID_SR__c"];
/// Parts of the address.
const PARTS: [&str; 3] = ["City", "Country", "Street"];

/// One delivery: a change event as text, or a record that a backfill read.
#[derive(Debug, Clone)]
pub enum Delivery {
    /// A change event.
    Event(Arc<str>),
    /// A record image.
    Image(FoundRecord),
}

/// The form of a change event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    PubSub,
}

/// The record in the CRM.
#[derive(Debug)]
pub struct Account {
    id: String,
    now: i64,
    commit: i64,
    transaction: u32,
    fields: Map<String, Value>,
    address: Option<Map<String, Value>>,
    description: Option<Vec<String>>,
    is_deleted: bool,
    last_read: i64,
    spelling: Spelling,
}

/// How the next event is spelled, where Salesforce and its clients have a choice.
#[derive(Debug, Clone, Copy, Default)]
struct Spelling {
    /// Numbers of the header as texts.
    texts: bool,
    /// Bitmaps instead of names, in the Pub/Sub form.
    bitmaps: bool,
}

impl Account {
    /// A record with this id that does not exist yet.
    pub fn new(id: &str) -> Self {
        let fields = FIELDS.iter().map(|field| ((*field).to_owned(), Value::Null)).collect();
        Self {
            id: id.to_owned(),
            now: 1_767_225_600_000,
            commit: 1_778_192_987_716_501_506,
            transaction: 0,
            fields,
            address: None,
            description: None,
            is_deleted: false,
            last_read: 0,
            spelling: Spelling::default(),
        }
    }

    /// Advances the clock, often by zero, so that changes share a timestamp.
    fn tick(&mut self, random: &mut Random) {
        self.now += i64::try_from(random.below(3)).expect("small") * 1_000;
        self.commit += 1 + i64::try_from(random.below(5)).expect("small");
        self.transaction += 1;
        self.spelling = Spelling { texts: random.one_in(4), bitmaps: random.one_in(3) };
    }

    /// The same transaction and sequence number in another second, with another change.
    pub fn same_key_later(&mut self, random: &mut Random) -> Delivery {
        let transaction = self.transaction;
        let later = self.update(random);
        let key = |number: u32| format!("-{number:012x}");
        let replaced = match &later {
            Delivery::Event(text) => text.replace(&key(self.transaction), &key(transaction)),
            Delivery::Image(_) => return later,
        };
        self.now += 1_000;
        let stamps = [self.now - 1_000, self.now].map(|stamp| stamp.to_string());
        Delivery::Event(replaced.replace(&stamps[0], &stamps[1]).into())
    }

    /// Changes of different types with one timestamp and no commit number, in the order in which they must count.
    pub fn tie(&mut self, random: &mut Random) -> [Delivery; 2] {
        self.now += 1_000;
        type Change = fn(&mut Account, &mut Random) -> Delivery;
        let changes: [Change; 2] = match random.below(3) {
            0 => [Self::create, Self::update],
            1 => [Self::update, Self::delete],
            _ => [Self::undelete, Self::delete],
        };
        changes.map(|change| {
            let now = self.now;
            let delivery = change(self, random);
            self.now = now;
            delivery.without_commit(now)
        })
    }

    /// A restoration in both forms of the body.
    pub fn undelete_twice(&mut self, random: &mut Random) -> [Delivery; 2] {
        self.tick(random);
        self.is_deleted = false;
        [Form::Json, Form::PubSub].map(|form| self.whole_event("UNDELETE", form))
    }

    /// A null address beside its own parts, as a client flattens it.
    pub fn flatten(&mut self, random: &mut Random) -> Delivery {
        self.tick(random);
        let country = format!("text {}", random.below(50));
        self.address = Some(Map::from_iter([("Country".to_owned(), json!(country))]));
        let mut fields =
            vec![("BillingAddress".to_owned(), Value::Null), ("BillingCountry".to_owned(), json!(country))];
        if random.one_in(2) {
            fields.reverse();
        }
        let changed = ["BillingAddress", "BillingCountry", "LastModifiedDate"].map(str::to_owned).to_vec();
        self.event("UPDATE", Map::from_iter(fields), Some(changed), Form::Json, &[])
    }

    /// The number of employees, in one of its spellings.
    pub fn count(&mut self, random: &mut Random) -> [Delivery; 2] {
        self.tick(random);
        let spellings = ["1000", "1000.0", "1e3", "1000.00"];
        let mut counted = || {
            let number: Value = serde_json::from_str(random.pick::<&str>(&spellings)).expect("a number");
            let body = Map::from_iter([("NumberOfEmployees".to_owned(), number)]);
            let changed = ["NumberOfEmployees", "LastModifiedDate"].map(str::to_owned).to_vec();
            self.event("UPDATE", body, Some(changed), Form::Json, &[])
        };
        [counted(), counted()]
    }

    /// Creates the record with some fields set. A second creation is a mistake that real CRMs make.
    pub fn create(&mut self, random: &mut Random) -> Delivery {
        self.tick(random);
        for field in FIELDS {
            self.fields.insert(field.to_owned(), some_text(random));
        }
        self.address = (!random.one_in(3)).then(|| some_address(random));
        self.description = Some((0..LINES).map(|line| format!("line {line} {}", random.below(9))).collect());
        self.is_deleted = false;
        let form = some_form(random);
        self.whole_event("CREATE", form)
    }

    /// Changes some fields.
    pub fn update(&mut self, random: &mut Random) -> Delivery {
        self.tick(random);
        let form = some_form(random);
        let (mut body, mut changed) = (Map::new(), vec!["LastModifiedDate".to_owned()]);
        for _ in 0..=random.below(3) {
            let field = *random.pick(&FIELDS);
            let value = some_text(random);
            self.fields.insert(field.to_owned(), value.clone());
            changed.push(field.to_owned());
            body.insert(field.to_owned(), value);
        }
        match random.below(5) {
            0 => {
                self.address = None;
                changed.push("BillingAddress".to_owned());
                body.insert("BillingAddress".to_owned(), Value::Null);
            }
            1 | 2 => {
                let part = *random.pick(&PARTS);
                let value = some_text(random);
                self.address.get_or_insert_default().insert(part.to_owned(), value.clone());
                changed.push(format!("BillingAddress.{part}"));
                let mut parts = if form == Form::PubSub { no_address() } else { Map::new() };
                parts.insert(part.to_owned(), value);
                body.insert("BillingAddress".to_owned(), Value::Object(parts));
            }
            _ => {}
        }
        if random.one_in(5) {
            // Named as changed, but without its value.
            let silent = *random.pick(&["ParentId", "BillingAddress.Country", "Name", "BillingAddress"]);
            if !changed.iter().any(|name| name.starts_with(silent) || silent.starts_with(name.as_str())) {
                changed.push(silent.to_owned());
            }
        }
        self.event("UPDATE", body, Some(changed), form, &[])
    }

    /// Changes one line of the long description, which is sent as a diff.
    pub fn redescribe(&mut self, random: &mut Random) -> Delivery {
        self.tick(random);
        let Some(mut lines) = self.description.take() else { return self.update(random) };
        let at = random.below(lines.len());
        let old = std::mem::replace(&mut lines[at], format!("edited {}", random.below(1_000)));
        let text = lines.join("\r\n");
        let hash = base16ct::lower::encode_string(&Sha256::digest(&text));
        let line = at + 1;
        let diff = format!("--- \n+++ {hash}\n@@ -{line},1 +{line},1 @@\n-{old}\n+{}", lines[at]);
        self.description = Some(lines);
        let form = some_form(random);
        let value = if form == Form::Json { json!({ "diff": diff }) } else { json!(diff) };
        let body = Map::from_iter([("Description".to_owned(), value)]);
        let changed = vec!["Description".to_owned(), "LastModifiedDate".to_owned()];
        self.event("UPDATE", body, Some(changed), form, &["Description"])
    }

    /// Deletes the record.
    pub fn delete(&mut self, random: &mut Random) -> Delivery {
        self.tick(random);
        self.is_deleted = true;
        self.event("DELETE", Map::new(), None, Form::Json, &[])
    }

    /// Restores the record.
    pub fn undelete(&mut self, random: &mut Random) -> Delivery {
        self.tick(random);
        self.is_deleted = false;
        let form = some_form(random);
        self.whole_event("UNDELETE", form)
    }

    /// A gap event: a change without its values.
    pub fn gap(&mut self, random: &mut Random) -> Delivery {
        self.tick(random);
        let change_type = *random.pick(&["GAP_UPDATE", "GAP_CREATE", "GAP_DELETE", "GAP_UNDELETE"]);
        self.event(change_type, Map::new(), None, Form::PubSub, &[])
    }

    /// Reads the record, in a few cases so early that changes with the same timestamp may be missing.
    pub fn image(&mut self, random: &mut Random) -> Delivery {
        let mut record = self.fields.clone();
        record.insert("attributes".to_owned(), json!({ "type": "Account" }));
        record.insert("Id".to_owned(), json!(self.id));
        let address = self.address.clone().map(|parts| {
            parts.into_iter().map(|(part, value)| (part.to_lowercase(), value)).collect::<Map<String, Value>>()
        });
        for part in PARTS {
            let value = self.address.as_ref().and_then(|address| address.get(part)).cloned().unwrap_or_default();
            record.insert(format!("Billing{part}"), value);
        }
        record.insert("BillingAddress".to_owned(), address.map_or(Value::Null, Value::Object));
        record.insert("Description".to_owned(), json!(self.description.as_ref().map(|lines| lines.join("\r\n"))));
        record.insert("ParentId".to_owned(), Value::Null);
        record.insert("IsDeleted".to_owned(), json!(self.is_deleted));
        record.insert("CreatedDate".to_owned(), json!("2026-01-01T00:00:00.000+0000"));
        record.insert("SystemModstamp".to_owned(), json!(self.timestamp().to_string()));
        // Reads follow one another, independent of the record's timestamp.
        self.last_read = self.last_read.max(self.now) + 1 + i64::try_from(random.below(2_000)).expect("small");
        let fetched_at = Timestamp::from_millis(self.last_read).expect("in range");
        let record = Value::Object(record).to_string().into();
        let image = RecordImage { still_fresh: random.one_in(4), ..RecordImage::new(Some(record), fetched_at) };
        self.found(image)
    }

    /// Confirms that the record does not exist.
    pub fn absence(&mut self, random: &mut Random) -> Delivery {
        self.tick(random);
        self.is_deleted = true;
        let image = RecordImage::new(None, self.timestamp());
        self.found(image)
    }

    fn found(&self, image: RecordImage) -> Delivery {
        Delivery::Image(FoundRecord {
            provider: Provider::Salesforce,
            entity_name: EntityName::new("Account"),
            external_id: ExternalId::new(self.id.as_str()),
            image,
        })
    }

    fn timestamp(&self) -> Timestamp {
        Timestamp::from_millis(self.now).expect("in range")
    }

    fn whole_event(&self, change_type: &str, form: Form) -> Delivery {
        let mut body = self.fields.clone();
        let description = self.description.as_ref().map(|lines| lines.join("\r\n"));
        body.insert("Description".to_owned(), json!(description));
        let mut address = no_address();
        address.extend(self.address.clone().unwrap_or_default());
        let address = if self.address.is_some() { Value::Object(address) } else { Value::Null };
        body.insert("BillingAddress".to_owned(), address);
        if form == Form::Json {
            body.retain(|_, value| !value.is_null());
            for value in body.values_mut().filter_map(Value::as_object_mut) {
                value.retain(|_, part| !part.is_null());
            }
        }
        self.event(change_type, body, None, form, &[])
    }

    fn event(
        &self,
        change_type: &str,
        body: Map<String, Value>,
        changed: Option<Vec<String>>,
        form: Form,
        diffs: &[&str],
    ) -> Delivery {
        let mut header = json!({
            "entityName": "Account",
            "recordIds": [self.id],
            "changeType": change_type,
            "changeOrigin": "com/salesforce/api/soap/60.0;client=tests",
            "transactionKey": format!("00007e6d-1720-70a0-4379-{:012x}", self.transaction),
            "sequenceNumber": 1,
            "commitTimestamp": self.now,
            "commitNumber": self.commit,
            "commitUser": "005000000000001AAA",
            "changedFields": changed.clone().unwrap_or_default(),
        });
        if self.spelling.texts {
            for field in ["sequenceNumber", "commitTimestamp", "commitNumber"] {
                header[field] = json!(header[field].to_string());
            }
        }
        if form == Form::PubSub {
            let names = changed.iter().flatten().filter(|name| body.get(*name).is_some_and(Value::is_null));
            header["nulledFields"] = json!(names.collect::<Vec<_>>());
            header["diffFields"] = json!(diffs);
        }
        let mut payload = Map::from_iter([("ChangeEventHeader".to_owned(), header)]);
        if form == Form::PubSub {
            let not_carried = changed.iter().flatten().map(|name| name.split('.').next().unwrap_or_default());
            let not_carried: Vec<&str> = not_carried.filter(|name| !body.contains_key(*name)).collect();
            let unchanged = FIELDS.iter().chain(&["Description", "BillingAddress"]);
            payload.extend(unchanged.filter(|f| !not_carried.contains(*f)).map(|f| ((*f).to_owned(), Value::Null)));
        }
        payload.extend(body);
        if change_type == "UPDATE" {
            let stamp = if form == Form::PubSub { json!(self.now) } else { json!(self.timestamp().to_string()) };
            payload.insert("LastModifiedDate".to_owned(), stamp);
        }
        if form == Form::PubSub && self.spelling.bitmaps && change_type == "UPDATE" {
            with_bitmaps(&mut payload);
        }
        Delivery::Event(Value::Object(payload).to_string().into())
    }
}

impl Delivery {
    /// What the copies of one change event have in common; `None` for an image.
    pub fn identity(&self) -> Option<String> {
        self.header(["transactionKey", "sequenceNumber", "commitTimestamp", "changeType"]).map(|parts| parts.join(" "))
    }

    /// The transaction key and the commit timestamp; `None` for an image.
    pub fn transaction(&self) -> Option<(String, String)> {
        self.header(["transactionKey", "commitTimestamp"]).map(|[key, time]| (key, time))
    }

    /// Fields of the header, in one spelling.
    fn header<const FIELDS: usize>(&self, fields: [&str; FIELDS]) -> Option<[String; FIELDS]> {
        let Self::Event(text) = self else { return None };
        let payload: Value = serde_json::from_str(text).expect("an event is JSON");
        let header = &payload["ChangeEventHeader"];
        Some(fields.map(|field| header[field].to_string().replace('"', "")))
    }

    /// A copy that says less, as a proxy or a client without rights to a field leaves it.
    pub fn lesser_copy(&self, random: &mut Random) -> Option<Self> {
        let Self::Event(text) = self else { return None };
        let mut payload: Map<String, Value> = serde_json::from_str(text).expect("an event is JSON");
        let keys: Vec<String> = payload.keys().skip(1).filter(|key| *key != "LastModifiedDate").cloned().collect();
        let has_bitmaps = payload["ChangeEventHeader"]["changedFields"].to_string().contains("0x");
        if has_bitmaps {
            // In alphabetical order the bitmaps cannot be decoded.
            payload = payload.into_iter().collect::<std::collections::BTreeMap<_, _>>().into_iter().collect();
        } else {
            payload.shift_remove(keys.get(random.below(keys.len().max(1)))?);
        }
        Some(Self::Event(Value::Object(payload).to_string().into()))
    }

    /// The same change of another record too, as Salesforce merges equal changes of one transaction.
    pub fn merged(self, record: &str, other: &str) -> Self {
        match self {
            Self::Event(text) => {
                Self::Event(text.replace(&format!("[\"{record}\"]"), &format!("[\"{other}\",\"{record}\"]")).into())
            }
            image @ Self::Image(_) => image,
        }
    }

    /// The same event at that time, without a commit number.
    fn without_commit(self, now: i64) -> Self {
        let Self::Event(text) = &self else { return self };
        let mut payload: Map<String, Value> = serde_json::from_str(text).expect("an event is JSON");
        let header = payload["ChangeEventHeader"].as_object_mut().expect("an object");
        header.shift_remove("commitNumber");
        header["commitTimestamp"] = json!(now);
        Self::Event(Value::Object(payload).to_string().into())
    }
}

/// Replaces the names in the lists of an update by bitmaps, if the body has all the fields that are named.
fn with_bitmaps(payload: &mut Map<String, Value>) {
    let keys: Vec<String> = payload.keys().cloned().collect();
    let bit = |name: &str| -> Option<(Option<usize>, u64)> {
        let (top, part) = name.split_once('.').map_or((name, None), |(top, part)| (top, Some(part)));
        let at = keys.iter().position(|key| key == top)?;
        let Some(part) = part else { return Some((None, 1 << at)) };
        let inner = payload[top].as_object()?.keys().position(|key| key == part)?;
        Some((Some(at), 1 << inner))
    };
    let bitmaps = |list: &Value| -> Option<Vec<String>> {
        let mut all: std::collections::BTreeMap<Option<usize>, u64> = std::collections::BTreeMap::new();
        for name in list.as_array()? {
            let (parent, bits) = bit(name.as_str()?)?;
            *all.entry(parent).or_default() |= bits;
        }
        Some(
            all.into_iter()
                .map(|(parent, bits)| match parent {
                    None => format!("0x{bits:X}"),
                    Some(parent) => format!("{parent}-0x{bits:X}"),
                })
                .collect(),
        )
    };
    let header = &payload["ChangeEventHeader"];
    // A part that is null would have to be in the bitmap of the nulled fields too; this client leaves it out.
    let parts_have_values = payload.get("BillingAddress").and_then(Value::as_object).is_none_or(|parts| {
        header["changedFields"].as_array().into_iter().flatten().filter_map(Value::as_str).all(|name| {
            name.split_once('.').is_none_or(|(_, part)| parts.get(part).is_some_and(|value| !value.is_null()))
        })
    });
    let lists = ["changedFields", "nulledFields", "diffFields"].map(|list| bitmaps(&header[list]));
    if let ([Some(changed), Some(nulled), Some(diffs)], true) = (lists, parts_have_values) {
        let header = &mut payload["ChangeEventHeader"];
        header["changedFields"] = json!(changed);
        header["nulledFields"] = json!(nulled);
        header["diffFields"] = json!(diffs);
    }
}

fn some_form(random: &mut Random) -> Form {
    if random.one_in(2) { Form::Json } else { Form::PubSub }
}

fn some_text(random: &mut Random) -> Value {
    if random.one_in(4) { Value::Null } else { json!(format!("text {}", random.below(50))) }
}

fn some_address(random: &mut Random) -> Map<String, Value> {
    PARTS.iter().map(|part| ((*part).to_owned(), some_text(random))).collect()
}

fn no_address() -> Map<String, Value> {
    PARTS.iter().map(|part| ((*part).to_owned(), Value::Null)).collect()
}
