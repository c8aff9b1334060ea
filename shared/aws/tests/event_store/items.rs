//! Encoding and decoding events as items.

use std::collections::HashMap;
use std::sync::Arc;

use annals_application::contract::samples::{change, intricate_event, key, key_of, next_event, stream};
use annals_application::ports::{AppendError, EventStore, PortErrorKind, StoredEvent};
use annals_aws::event_store::{MAX_ITEM_BYTES, decode, encode, item_size, key_of as item_key, write_units};
use annals_domain::change::{Change, Lifecycle};
use annals_domain::event::{BodyForm, DomainEvent, EventType, Metadata, ObservedParts, Source};
use annals_domain::identity::{ExternalId, Provider};
use annals_domain::path::Path;
use annals_domain::position::{EventId, Position, Rank, Version};
use annals_domain::stream_head::StreamHead;
use annals_domain::timestamp::Timestamp;
use annals_domain::validation_issue::ValidationIssue;
use aws_sdk_dynamodb::types::AttributeValue as SdkValue;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use serde_dynamo::{AttributeValue, Item};
use sha2::{Digest, Sha256};

use crate::tables::{noise, store, with_data};

/// The bytes of an item's data, if it is compressed.
fn compressed(item: &Item) -> Option<usize> {
    match item.get("data_2") {
        Some(AttributeValue::B(bytes)) => Some(bytes.len()),
        Some(other) => panic!("{other:?} is not compressed data"),
        None => None,
    }
}

const DICTIONARY_1: &[u8] = include_bytes!("../../src/event_store/item/dictionary_1.txt");
const TABLES_2: &[u8] = include_bytes!("../../src/event_store/item/dictionary_2_tables.bin");

/// Compresses data as it is stored.
fn zstd(data: &[u8]) -> Vec<u8> {
    with_dictionary(5, &[TABLES_2, DICTIONARY_1].concat(), data)
}

/// Compresses data as it was stored with dictionary 1.
fn earlier_zstd(data: &[u8]) -> Vec<u8> {
    with_dictionary(3, DICTIONARY_1, data)
}

fn with_dictionary(level: i32, dictionary: &[u8], data: &[u8]) -> Vec<u8> {
    let mut compressor = zstd::bulk::Compressor::with_dictionary(level, dictionary).expect("a dictionary");
    compressor.compress(data).expect("it compresses")
}

/// Converts an item to the SDK's types and back.
fn through_sdk(item: Item) -> Item {
    HashMap::<String, SdkValue>::from(item).into()
}

fn id() -> impl Strategy<Value = Option<String>> {
    let uuid = any::<u128>().prop_map(|number| uuid::Uuid::from_u128(number).to_string());
    of(prop_oneof![uuid.clone(), uuid.prop_map(|id| id.to_uppercase()), "[0-9a-f]{32}", any::<String>()])
}

fn timestamps() -> impl Strategy<Value = Timestamp> {
    (-62_000_000_000_000_i64..253_402_207_200_000).prop_map(|millis| Timestamp::from_millis(millis).expect("in range"))
}

fn positions() -> impl Strategy<Value = Position> {
    let rank = select(vec![Rank::FreshImage, Rank::Change, Rank::Image]);
    (timestamps(), rank, of(any::<i64>()), of(any::<i64>()), any::<u128>()).prop_map(
        |(timestamp, rank, commit, seq, id)| {
            let event_id = EventId::from_uuid(uuid::Uuid::from_u128(id));
            Position {
                timestamp,
                rank,
                commit_number: commit,
                sequence_number: seq,
                kind: EventType::Created.kind(rank),
                event_id,
            }
        },
    )
}

fn metadata() -> impl Strategy<Value = Metadata> {
    let names = (
        select(vec![Source::Cdc, Source::Webhook, Source::Backfill]),
        select(vec![BodyForm::Json, BodyForm::Pubsub, BodyForm::Image]),
        select(Provider::ALL.to_vec()),
        any::<String>(),
    );
    let texts = (of(any::<String>()), of(any::<String>()), id(), id(), id(), of(any::<String>()), any::<bool>());
    let paths = proptest::collection::btree_set("[A-Za-z.]{1,12}".prop_map(Path::new), 0..3);
    let observed = (paths, any::<bool>()).prop_map(|(paths, whole)| ObservedParts { paths, whole });
    (names, texts, observed).prop_map(|(names, texts, observed)| Metadata {
        source: names.0,
        body_form: names.1,
        provider: names.2,
        external_id: ExternalId::new(names.3),
        user: texts.0,
        change_origin: texts.1,
        transaction_key: texts.2,
        correlation_id: texts.3,
        causation_id: texts.4,
        merged_into: texts.5.map(ExternalId::new),
        meets_image: texts.6,
        observed,
    })
}

fn data() -> impl Strategy<Value = String> {
    let repeated = (any::<String>(), 1_usize..3000).prop_map(|(text, times)| text.repeat(times));
    let noisy = (0_usize..5000, any::<u64>()).prop_map(|(bytes, seed)| noise(bytes, seed));
    prop_oneof![any::<String>(), repeated, noisy]
}

/// Heads of streams whose other events are before, at and after the event's own timestamp.
fn heads(at: Position) -> impl Strategy<Value = StreamHead> {
    let other = (any::<u128>(), -1_i64..=1, any::<bool>()).prop_map(move |(id, seconds, is_base)| {
        let event_id = EventId::from_uuid(uuid::Uuid::from_u128(id));
        let timestamp = Timestamp::from_millis(at.timestamp.millis() + seconds).unwrap_or(at.timestamp);
        Change { is_base, ..change(Position { timestamp, event_id, ..at }) }
    });
    let lifecycle = of(select(vec![Lifecycle::Active, Lifecycle::Deleted]));
    let version = prop_oneof![1_u64..5, any::<u64>()];
    (proptest::collection::vec(other, 0..40), lifecycle, version, timestamps()).prop_map(
        move |(others, lifecycle, version, recorded_at)| {
            let mut head: Option<StreamHead> = None;
            let own = Change { lifecycle, ..change(at) };
            for change in others.iter().chain([&own]) {
                head = Some(StreamHead::after(
                    head.as_ref(),
                    EventType::Created,
                    change,
                    Version::new(version),
                    recorded_at,
                ));
            }
            head.expect("the head of its own event")
        },
    )
}

prop_compose! {
    fn events()(at in positions())(
        head in heads(at),
        at in Just(at),
        name in "[^#]{1,12}",
        event_type in select(vec![
            EventType::Created, EventType::Updated, EventType::Deleted, EventType::Restored, EventType::Gap,
        ]),
        metadata in metadata(),
        warnings in proptest::collection::vec((any::<String>(), any::<String>()), 0..3),
        data in data(),
    ) -> StoredEvent {
        let key = key_of(&name, "a");
        let warnings = warnings.into_iter().map(|(field, message)| ValidationIssue::new(field, message)).collect();
        let event = DomainEvent {
            aggregate_id: key.aggregate_id,
            entity_name: key.entity_name,
            event_type,
            version: head.version,
            position: Position { kind: event_type.kind(at.rank), ..at },
            recorded_at: head.recorded_at,
            data: data.into(),
            metadata,
            warnings,
        };
        StoredEvent { event: Arc::new(event), head }
    }
}

proptest! {
    #[test]
    fn decoding_returns_the_encoded_event(stored in events()) {
        let item = encode(&stored).expect("none of these is too large");
        prop_assert_eq!(item_key(&item).expect("it has a key"), (stored.event.key(), stored.event.version));
        prop_assert_eq!(decode(through_sdk(item)).expect("an event"), stored);
    }

    #[test]
    fn data_is_compressed_only_if_that_saves_write_units(stored in events()) {
        let item = encode(&stored).expect("none of these is too large");
        if let Some(compressed) = compressed(&item) {
            let plain = item_size(&item) - "_2".len() - compressed + stored.event.data.len();
            prop_assert!(write_units(item_size(&item)) < write_units(plain));
        } else {
            let zstd = item_size(&item) + "_2".len() - stored.event.data.len() + zstd(stored.event.data.as_bytes()).len();
            prop_assert!(write_units(item_size(&item)) <= write_units(zstd));
        }
    }
}

#[test]
fn an_event_with_every_attribute_is_decoded() {
    let stored = intricate_event(&key("a"));
    let item = encode(&stored).expect("not too large");
    assert_eq!(decode(through_sdk(item)).expect("an event"), stored);
}

#[test]
fn a_large_input_that_compresses_is_stored_in_fewer_units() {
    let stored = stream(&key("a"), 1).remove(0);
    let data = format!("{{\"Description\":\"{}\"}}", "all work and no play ".repeat(40_000));
    let item = encode(&with_data(&stored, &data)).expect("it compresses");
    let size = item_size(&item);
    assert!(compressed(&item).is_some() && size <= 1024, "{size}");
    assert_eq!(&*decode(item).expect("an event").event.data, data);
}

#[test]
fn the_head_of_the_newest_event_repeats_no_attribute_of_the_event() {
    let event = next_event(&key("a"), None, "first");
    let item = encode(&event).expect("not too large");
    let Some(AttributeValue::M(head)) = item.get("head") else { panic!("a head is a map") };
    let mut keys: Vec<_> = head.keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["a", "b", "l", "o"], "recorded at, base, lifecycle and the newest late event");
}

#[test]
fn unknown_attributes_are_ignored() {
    let event = next_event(&key("a"), None, "first");
    let mut item = encode(&event).expect("not too large");
    item.inner_mut().insert("added_later".to_owned(), AttributeValue::Bool(true));
    assert_eq!(decode(item).expect("an event"), event);
}

#[track_caller]
fn check_refused(attribute: &str, value: Option<AttributeValue>, reason: &str) {
    let mut item = encode(&intricate_event(&key("a"))).expect("not too large");
    match value {
        Some(value) => item.inner_mut().insert(attribute.to_owned(), value),
        None => item.inner_mut().remove(attribute),
    };
    assert_eq!(decode(item).expect_err(attribute).to_string(), reason);
}

#[test]
fn the_error_of_an_invalid_item_names_the_attribute_but_not_its_value() {
    let text = || Some(AttributeValue::S("secret".to_owned()));
    let binary = |bytes: &[u8]| Some(AttributeValue::B(bytes.to_vec()));
    let number = |number: &str| Some(AttributeValue::N(number.to_owned()));
    check_refused("entity_key", None, "attribute `entity_key` is missing");
    check_refused("entity_key", text(), "invalid attribute `entity_key`: expected an entity key");
    check_refused("version", number("1.5"), "invalid attribute `version`: expected a whole number in range");
    check_refused("id", text(), "invalid attribute `id`: expected a binary of 16 bytes");
    check_refused("id", binary(b"secret"), "invalid attribute `id`: expected a binary of 16 bytes");
    check_refused("time", number("253402300800000"), "invalid attribute `time`: expected a timestamp in milliseconds");
    check_refused("type", text(), "invalid attribute `type`: expected an event type");
    check_refused("source", text(), "invalid attribute `source`: expected a source");
    check_refused("crm", text(), "invalid attribute `crm`: expected a provider");
    check_refused("user", number("7"), "invalid attribute `user`: expected a string");
    check_refused("cause", number("7"), "invalid attribute `cause`: expected a string or a binary of 16 bytes");
    check_refused("head", Some(AttributeValue::M(HashMap::new())), "invalid attribute `head`: expected a stream head");
    check_refused("head", text(), "invalid attribute `head`: expected a stream head");
    check_refused("data", None, "attribute `data` is missing");
    check_refused("data", binary(b"secret"), "invalid attribute `data`: expected a string");
    check_refused("data_2", text(), "invalid attribute `data_2`: expected a binary");
    check_refused(
        "data_2",
        binary(b"secret"),
        "invalid attribute `data_2`: expected a zstd frame with its content size",
    );
    let whole = zstd(&[b'x'; 5000]);
    check_refused("data_2", binary(&whole[..whole.len() - 1]), "attribute `data_2` cannot be decompressed");
    check_refused("data_2", binary(&zstd(&[0xff; 5000])), "invalid attribute `data_2`: expected text in UTF-8");
    // Four bytes of magic, a descriptor for a size of eight bytes, and a size of 2^60.
    let bomb = [0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0x01, 0, 0];
    check_refused("data_2", binary(&bomb), "invalid attribute `data_2`: expected a zstd frame with its content size");
}

#[test]
fn a_dictionary_that_events_are_stored_with_never_changes() {
    let digest =
        |dictionary: &[u8]| Sha256::digest(dictionary).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(digest(DICTIONARY_1), "e1012912ae96337e854da6983af6dd8a90f8e3efff0226297a759b46aba653fd");
    assert_eq!(
        digest(&[TABLES_2, DICTIONARY_1].concat()),
        "11b2e8c995774452fbd15d85ca29af50b1c3705553f1078be8bd19493e95cd61"
    );
}

/// As an event was stored before dictionary 2, also between two that were stored with it.
#[test]
fn an_event_compressed_with_an_earlier_dictionary_is_decoded() {
    let event = with_data(&intricate_event(&key("a")), &format!("{{\"Name\":\"{}\"}}", "x".repeat(5000)));
    let item = encode(&event).expect("it compresses");
    let mut earlier = item.clone();
    let compressed = earlier_zstd(event.event.data.as_bytes());
    let mut damaged = earlier.clone();
    for (item, bytes) in [(&mut earlier, &*compressed), (&mut damaged, &compressed[..compressed.len() - 1])] {
        item.inner_mut().remove("data_2").expect("it is compressed");
        item.inner_mut().insert("data_1".to_owned(), AttributeValue::B(bytes.to_vec()));
    }
    for item in [&item, &earlier, &item] {
        assert_eq!(decode(item.clone()).expect("an event"), event);
        let error = decode(damaged.clone()).expect_err("its end is missing");
        assert_eq!(error.to_string(), "attribute `data_1` cannot be decompressed");
    }
}

/// The tables of dictionary 2 are those of texts in English.
#[test]
fn a_text_in_any_script_takes_no_more_bytes_than_with_the_earlier_dictionary() {
    let event = intricate_event(&key("a"));
    for words in [
        "договор оплата услуга клиент компания вопрос ответ счет работа место",
        "συμβόλαιο πληρωμή υπηρεσία πελάτης εταιρεία ερώτηση απάντηση",
        "חוזה תשלום שירות לקוח חברה שאלה תשובה חשבון עבודה מקום",
        "契約支払サービス顧客会社質問回答勘定仕事場所",
        "contract payment service client company question answer",
    ] {
        let text: String =
            noise(1_000, 11).bytes().map(|byte| words.chars().nth(usize::from(byte % 40)).unwrap_or(' ')).collect();
        let data = format!(r#"{{"ChangeEventHeader":{{"entityName":"Account"}},"Description":"{text}"}}"#);
        let item = encode(&with_data(&event, &data)).expect("it compresses");
        let (now, earlier) = (compressed(&item).expect("it is compressed"), earlier_zstd(data.as_bytes()).len());
        assert!(now <= earlier, "{now} bytes instead of {earlier}: {words}");
    }
}

#[test]
fn an_item_without_type_and_source_is_an_update_by_change_data_capture() {
    let mut event = (*next_event(&key("a"), None, "first").event).clone();
    (event.event_type, event.metadata.source) = (EventType::Updated, Source::Cdc);
    event.position.kind = event.event_type.kind(event.position.rank);
    let stored = StoredEvent { head: next_event(&key("a"), None, "first").head, event: Arc::new(event) };
    let item = encode(&stored).expect("not too large");
    assert!(!item.contains_key("type") && !item.contains_key("source"), "{item:?}");
    assert_eq!(decode(item).expect("an event"), stored);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_larger_than_an_item_is_rejected_with_its_size_and_holds_up_its_stream_only() {
    let (store, _table) = store().await;
    let events = stream(&key("large"), 2);
    let large = with_data(&events[0], &noise(700_000, 7));
    let other = next_event(&key("other"), None, "fits");
    let answers = store.append(vec![large, events[1].clone(), other]).await;
    let [Err(AppendError::NotApplied(error)), Err(AppendError::NotTried), Ok(())] = &answers[..] else {
        panic!("{answers:?}")
    };
    assert_eq!((error.kind, &*error.resource), (PortErrorKind::Rejected, store.table()));
    let size = error.message.split(' ').find_map(|word| word.parse::<usize>().ok()).expect("a size");
    assert!(size > MAX_ITEM_BYTES && size < 700_000, "{}", error.message);
    assert!(error.message.ends_with("409600 is the limit"), "{}", error.message);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_item_is_taken() {
    let (store, _table) = store().await;
    let empty = with_data(&next_event(&key("a"), None, "first"), "");
    let rest = item_size(&encode(&empty).expect("it is small"));
    let (mut fits, mut is_too_large) = (500_000_usize, 700_000_usize);
    while is_too_large - fits > 1 {
        let bytes = fits.midpoint(is_too_large);
        match encode(&with_data(&empty, &noise(bytes, 3))) {
            Ok(_) => fits = bytes,
            Err(_) => is_too_large = bytes,
        }
    }
    let largest = with_data(&empty, &noise(fits, 3));
    let size = item_size(&encode(&largest).expect("it fits"));
    assert!(size <= MAX_ITEM_BYTES && size + 200 > MAX_ITEM_BYTES && rest < size, "{size}");
    store.append(vec![largest]).await.remove(0).expect("DynamoDB takes it");
}
