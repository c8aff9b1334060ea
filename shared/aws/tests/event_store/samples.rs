//! The size of real payloads as items.
//!
//! The payloads are not part of this repository. They are measured if `ANNALS_SAMPLES` names a folder with the
//! subfolder `salesforce-cdc`; otherwise the test says that it did not run.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use annals_application::ports::StoredEvent;
use annals_aws::event_store::{encode, item_size, write_units};
use annals_domain::event::DomainEvent;
use annals_domain::identity::{AggregateId, Provider};
use annals_domain::position::Version;
use annals_domain::provider_adapter::{IncomingChange, ParsedInput, ProviderAdapter};
use annals_domain::stream_head::StreamHead;
use serde_dynamo::AttributeValue;
use uuid::Uuid;

/// The largest overhead of a real event: the bytes of an item that are not its data.
const OVERHEAD: usize = 350;

/// A change as it is stored, with everything that a command adds to it.
fn stored(adapter: &dyn ProviderAdapter, incoming: &IncomingChange) -> StoredEvent {
    let (name, id) = (&incoming.entity_name, &incoming.metadata.external_id);
    let aggregate_id = AggregateId::of(incoming.metadata.provider, adapter.account(), name, id);
    let mut metadata = incoming.metadata.clone();
    metadata.causation_id = Some(Uuid::from_u128(0x0190_2d3e_5b6f_7a01_8c9d_aebf_c0d1_e2f3).to_string());
    let recorded_at = incoming.change.position.timestamp.plus_millis(1234);
    let version = Version::new(12);
    let head = StreamHead::after(None, incoming.event_type, &incoming.change, version, recorded_at);
    let event = DomainEvent {
        aggregate_id,
        entity_name: name.clone(),
        event_type: incoming.event_type,
        version,
        position: incoming.change.position,
        recorded_at,
        data: Arc::clone(&incoming.data),
        metadata,
        warnings: incoming.warnings.clone(),
    };
    StoredEvent { event: Arc::new(event), head }
}

/// The overhead, the bytes of the data, the bytes of the item, and whether its data is compressed.
fn measure(stored: &StoredEvent) -> (usize, usize, usize, bool) {
    let item = encode(stored).expect("a sample is not too large");
    let (kept, compressed) = match (item.get("data"), item.get("data_2")) {
        (Some(AttributeValue::S(text)), None) => (text.len(), false),
        (None, Some(AttributeValue::B(bytes))) => (bytes.len(), true),
        other => panic!("{other:?} is not data"),
    };
    let size = item_size(&item);
    (size - kept, stored.event.data.len(), size, compressed)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let listed = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("`{}`: {error}", folder.display()));
    let mut files: Vec<_> = listed.map(|entry| entry.expect("an entry that can be read").path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    files
}

/// For each change in the payloads: its overhead, its data, its item and the file.
fn measured(folder: &Path) -> Vec<(usize, usize, usize, String)> {
    let adapters = annals_crm::adapters(None).expect("no org is set");
    let adapter = adapters.get(Provider::Salesforce).expect("it is always there");
    println!("overhead   data   item  units");
    let mut measured = Vec::new();
    for file in files(folder) {
        let name = file.file_name().expect("a name").to_string_lossy().into_owned();
        let ParsedInput::Changes(changes) = adapter.read_input(&std::fs::read_to_string(&file).expect("UTF-8")) else {
            continue;
        };
        for change in changes {
            let (overhead, data, size, compressed) = measure(&stored(&**adapter, &change));
            let how = if compressed { "zstd" } else { "    " };
            println!("{overhead:>8} {data:>6} {size:>6} {:>6} {how} {name}", write_units(size));
            measured.push((overhead, data, size, name.clone()));
        }
    }
    measured
}

#[test]
fn a_real_change_takes_one_write_unit_and_little_overhead() {
    let Some(folder) = std::env::var_os("ANNALS_SAMPLES") else {
        eprintln!("!!! ANNALS_SAMPLES is not set: THE COLLECTED SAMPLES ARE NOT MEASURED");
        return;
    };
    let measured = measured(&PathBuf::from(folder).join("salesforce-cdc"));
    assert_eq!(measured.len(), 32);
    let overheads: Vec<_> = measured.iter().filter(|(overhead, ..)| *overhead > OVERHEAD).collect();
    assert!(overheads.is_empty(), "{overheads:?}");
    let over_a_unit = measured.iter().filter(|(_, _, size, _)| write_units(*size) > 1);
    let over_a_unit: Vec<_> = over_a_unit.map(|(_, _, size, name)| (&name[..2], write_units(*size))).collect();
    // Two long texts, and a record with 2.5 KB of ids.
    assert_eq!(over_a_unit, [("22", 2), ("23", 2), ("24", 2)]);
}
