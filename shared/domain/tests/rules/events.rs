//! What a stored event is: its type, the kind in its position, its parts, its key.

use annals_domain::change::{Change, FieldWrite};
use annals_domain::event::{DomainEvent, EventType, ObservedParts};
use annals_domain::identity::{AggregateId, Provider, ProviderAccount};
use annals_domain::path::Path;
use annals_domain::position::{ChangeKind, Rank, Version};
use annals_domain::testing::{at, created, image};

#[test]
fn the_kind_of_a_change_follows_from_its_type_and_an_image_is_an_update() {
    for (event_type, kind) in [
        (EventType::Created, ChangeKind::Creation),
        (EventType::Updated, ChangeKind::Update),
        (EventType::Deleted, ChangeKind::Deletion),
        (EventType::Restored, ChangeKind::Restoration),
        (EventType::Gap, ChangeKind::Gap),
    ] {
        assert_eq!(event_type.kind(Rank::Change), kind);
        assert_eq!(event_type.kind(Rank::Image), ChangeKind::Update);
        assert_eq!(event_type.kind(Rank::FreshImage), ChangeKind::Update);
    }
}

#[test]
fn an_event_type_has_one_name_wherever_it_is_written() {
    let names = EventType::ALL.map(|event_type| event_type.to_string());
    assert_eq!(names, ["Created", "Updated", "Deleted", "Restored", "Gap"]);
    for event_type in EventType::ALL {
        assert_eq!(serde_json::to_value(event_type).expect("a text"), event_type.as_str());
    }
}

#[test]
fn an_observed_part_is_a_path_with_all_below_it() {
    let parts = ObservedParts { paths: ["Score", "Address.City"].map(Path::new).into(), whole: false };
    for covered in ["Score", "Score.Value", "Address.City", "Address.City.Name.Long"] {
        assert!(parts.covers(&Path::new(covered)), "{covered}");
    }
    for other in ["Scores", "Address", "Address.Country", "City"] {
        assert!(!parts.covers(&Path::new(other)), "{other}");
    }
}

#[test]
fn observed_parts_are_stored_where_there_are_any() {
    let (paths, none) = ([Path::new("Score")], ObservedParts::default());
    assert!(none.is_empty());
    assert!(!ObservedParts { whole: true, ..none.clone() }.is_empty());
    assert!(!ObservedParts { paths: paths.into(), ..none }.is_empty());
}

#[test]
fn an_event_is_found_by_its_key_its_id_and_its_timestamp() {
    let incoming = created(1).incoming();
    let (position, metadata) = (incoming.change.position, incoming.metadata);
    let account = ProviderAccount::unset();
    let id = AggregateId::of(Provider::Salesforce, &account, &incoming.entity_name, &metadata.external_id);
    let event = DomainEvent {
        aggregate_id: id,
        entity_name: incoming.entity_name,
        event_type: incoming.event_type,
        version: Version::FIRST,
        position,
        recorded_at: at(2),
        data: "{}".into(),
        metadata,
        warnings: Vec::new(),
    };
    assert_eq!((event.event_id(), event.timestamp()), (position.event_id, at(1)));
    assert_eq!(event.key().to_string(), format!("Account#{id}"));
    let input = event.input();
    assert_eq!((input.entity_name.as_str(), input.external_id.as_str(), input.data), ("Account", "001A", "{}"));
    assert_eq!(input.position, position);
}

#[test]
fn all_writes_of_an_image_are_those_of_both_its_times() {
    let paths = |change: &Change| {
        let path = |write: &FieldWrite| write.path.as_str().to_owned();
        change.all_writes().map(path).collect::<Vec<_>>()
    };
    let observed = image(1).with("Name", "n").observing(2, "Score", 7);
    assert_eq!(paths(&observed.change()), ["Name", "Score"]);
    assert_eq!(paths(&created(1).with("Name", "n").change()), ["Name"]);
}
