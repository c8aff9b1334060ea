//! The laws of folding: any order, repetition and grouping gives the same state. And of mapping: mapping only the changed
//! fields equals mapping the whole state.

use annals_domain::aggregate::Aggregate;
use annals_domain::change::{Change, FieldWrite, Lifecycle, Observation, RefetchReason, WriteContent};
use annals_domain::definition::Catalog;
use annals_domain::identity::{AggregateId, EntityKey, EntityName, ExternalId, Provider, ProviderAccount};
use annals_domain::mapping::{map, remap};
use annals_domain::path::Path;
use annals_domain::position::{ChangeKind, EventId, Position, Rank, Version};
use annals_domain::testing::{PlainAdapter, at, client_with, created, given_as, updated};
use annals_domain::text_diff::TextDiff;
use proptest::prelude::*;
use serde_json::Value;
use sha2::{Digest, Sha256};

const PATHS: [&str; 5] = ["Name", "Name.First", "Address", "Address.City", "Address.Country"];

/// Fields of an entity that read leaves, structs, one of several, what does not convert, and the life.
const FIELDS: &str = r#"[[fields]]
name = "name"
type = "string"
salesforce = { copy = "Name" }
[[fields]]
name = "place"
type = "string"
salesforce = { first_of = ["Address.City", "Address.Country", "Name.First"] }
[[fields]]
name = "country"
type = "string"
salesforce = { copy = "Address.Country" }
[[fields]]
name = "size"
type = "number"
salesforce = { number = "Address" }
[[fields]]
name = "is_gone"
type = "bool"
salesforce = { bool = "IsDeleted" }
"#;

fn content() -> impl Strategy<Value = WriteContent> {
    prop_oneof![
        6 => (0..4_u8).prop_map(|n| WriteContent::Value(Value::from(format!("v{n}")))),
        2 => Just(WriteContent::Value(Value::Null)),
        1 => Just(WriteContent::Unknown),
        1 => (0..4_u8, 0..4_u8).prop_map(|(from, to)| WriteContent::Diff(diff(&format!("v{from}"), &format!("v{to}")))),
    ]
}

/// The difference between two texts of one line.
fn diff(from: &str, to: &str) -> TextDiff {
    let hash = base16ct::lower::encode_string(&Sha256::digest(to.as_bytes()));
    TextDiff::recognise(&format!("--- \n+++ {hash}\n@@ -1,1 +1,1 @@\n-{from}\n+{to}")).expect("a diff")
}

fn kind() -> impl Strategy<Value = ChangeKind> {
    use ChangeKind::{Creation, Deletion, Gap, Restoration, Update};
    prop::sample::select(vec![Creation, Update, Restoration, Gap, Deletion])
}

fn change() -> impl Strategy<Value = Change> {
    let rank = prop_oneof![Just(Rank::FreshImage), Just(Rank::Change), Just(Rank::Image)];
    let lifecycle = prop_oneof![Just(None), Just(Some(Lifecycle::Active)), Just(Some(Lifecycle::Deleted))];
    let writes = proptest::collection::btree_map(0..PATHS.len(), content(), 0..4);
    let asks = prop::sample::select(vec![None, Some(RefetchReason::Gap), Some(RefetchReason::UndecodableFields)]);
    // Few places in the source's order, so that many changes share one, as copies of one event do.
    (0..6_i64, rank, 0..3_i64, kind(), lifecycle, any::<bool>(), asks, writes).prop_map(
        |(seconds, rank, sequence, kind, lifecycle, is_base, asks_refetch, writes)| {
            let writes: Vec<FieldWrite> = writes
                .into_iter()
                .map(|(path, content)| FieldWrite { path: Path::new(PATHS[path]), content })
                .collect();
            // Like a real one, the id follows from what the change says.
            let event_id = EventId::of(&[&format!(
                "{seconds} {rank:?} {sequence} {kind:?} {lifecycle:?} {is_base} {asks_refetch:?} {writes:?}"
            )]);
            let position = Position {
                timestamp: at(seconds),
                rank,
                commit_number: None,
                sequence_number: Some(sequence),
                kind,
                event_id,
            };
            Change { position, lifecycle, is_base, creation: None, writes, asks_refetch, observation: None }
        },
    )
}

/// A change, or a record image with parts that stand later.
fn any_change() -> impl Strategy<Value = Change> {
    let observation = (0..6_i64, any::<bool>(), proptest::collection::btree_map(0..PATHS.len(), content(), 0..3));
    (change(), proptest::option::of(observation)).prop_map(|(mut change, observation)| {
        let Some((seconds, is_whole, writes)) = observation else { return change };
        let writes = writes.into_iter().map(|(path, content)| FieldWrite { path: Path::new(PATHS[path]), content });
        let writes: Vec<FieldWrite> = writes.collect();
        let tag = format!("{} {seconds} {is_whole} {writes:?}", change.position.event_id);
        change.position.event_id = EventId::of(&[&tag]);
        let position = Position { timestamp: at(seconds), rank: Rank::Image, ..change.position };
        change.observation = Some(Box::new(Observation { position, is_whole, writes }));
        change
    })
}

fn fold<'a>(changes: impl IntoIterator<Item = &'a Change>) -> Aggregate {
    let (name, id) = (EntityName::new("Account"), ExternalId::new("1"));
    let aggregate_id = AggregateId::of(Provider::Salesforce, &ProviderAccount::unset(), &name, &id);
    let mut state = Aggregate::new(EntityKey { entity_name: name, aggregate_id }, Provider::Salesforce, id);
    for change in changes {
        state.apply(Version::FIRST, change);
    }
    state
}

proptest! {
    #[test]
    fn any_order_and_repetition_gives_the_same_state(
        (changes, shuffled) in proptest::collection::vec(any_change(), 1..12)
            .prop_flat_map(|changes| {
                let twice: Vec<Change> = changes.iter().chain(&changes).cloned().collect();
                (Just(changes), Just(twice).prop_shuffle())
            })
    ) {
        prop_assert_eq!(fold(&changes), fold(&shuffled));
    }

    #[test]
    fn a_snapshot_is_just_a_state(changes in proptest::collection::vec(any_change(), 1..12), cut in 0..12_usize) {
        let cut = cut.min(changes.len());
        let stored = serde_json::to_string(&fold(&changes[..cut])).expect("a state is JSON");
        let mut state: Aggregate = serde_json::from_str(&stored).expect("what was written reads back");
        for change in &changes[cut..] {
            state.apply(Version::FIRST, change);
        }
        prop_assert_eq!(state, fold(&changes));
    }

    #[test]
    fn mapping_the_changed_fields_equals_mapping_the_whole_state(
        (before, after) in (proptest::collection::vec(any_change(), 1..8), proptest::collection::vec(any_change(), 0..8))
    ) {
        let adapters = PlainAdapter::alone();
        let adapter = adapters.get(Provider::Salesforce).expect("the plain adapter");
        for schema in [given_as(&client_with(FIELDS), []).schema(), Catalog::default().open(&EntityName::new("Account"))] {
            let mut state = fold(&before);
            let known = map(&state, &schema, &**adapter);
            for change in &after {
                state.apply(Version::FIRST, change);
            }
            let again = remap(Some(&known), &after, &state, &schema, &**adapter);
            prop_assert_eq!(again, map(&state, &schema, &**adapter));
        }
    }

    #[test]
    fn reading_any_state_never_panics_and_raw_has_no_unknown_field(changes in proptest::collection::vec(any_change(), 0..12)) {
        let state = fold(&changes);
        let _ = state.raw();
        for path in PATHS {
            let _ = state.read(&Path::new(path));
        }
    }
}

#[test]
fn a_change_of_more_fields_than_are_compared_is_mapped_whole() {
    let adapters = PlainAdapter::alone();
    let adapter = adapters.get(Provider::Salesforce).expect("the plain adapter");
    let schema = given_as(&client_with(FIELDS), []).schema();
    let created = created(1).with("Name", "A").change();
    for others in [14, 15, 16, 40] {
        let fields = (0..others).fold(updated(2), |change, number| change.with(&format!("Other_{number}"), number));
        let update = fields.with("Name", "B").change();
        let (before, after) = (fold([&created]), fold([&created, &update]));
        let known = map(&before, &schema, &**adapter);
        assert_eq!(remap(Some(&known), [&update], &after, &schema, &**adapter), map(&after, &schema, &**adapter));
    }
}
