//! Any order, any repetition, through the store and the projections, snapshots on: every order of a
//! history is a record of its own, and all end as the one in commit order does.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU64;

use annals_application::commands::{EventRead, Outcome};
use annals_application::projection::ProjectorSettings;
use annals_domain::identity::EntityKey;
use annals_domain::position::EventId;
use annals_embedded::process::Tuning;
use annals_tests::history::History;
use annals_tests::process::TestProcess;
use annals_tests::view::View;
use serde_json::{Map, Value};

/// How many histories: those of the promise, all of them.
const HISTORIES: u64 = 1_000;
/// How many of them share a database.
const A_DATABASE: u64 = 50;

/// One order of arrival, as a record of its own.
struct Lane {
    seed: u64,
    record: String,
    arrival: Vec<usize>,
    deliveries: Vec<annals_tests::crm::Delivery>,
    events: HashMap<EventId, usize>,
    key: Option<EntityKey>,
    stored: usize,
}

fn lanes(seeds: std::ops::Range<u64>) -> Vec<Lane> {
    let mut lanes = Vec::new();
    for seed in seeds {
        let history = History { seed };
        let length = history.deliveries("001000000000001AAA").len();
        for arrival in history.all_arrivals(length) {
            let record = format!("001{:012}AAA", lanes.len());
            let deliveries = history.deliveries(&record);
            let (events, key) = (HashMap::new(), None);
            lanes.push(Lane { seed, record, arrival, deliveries, events, key, stored: 0 });
        }
    }
    lanes
}

fn note(lane: &mut Lane, step: usize, reads: &[EventRead]) {
    let [read] = reads else { panic!("one answer a delivery: {reads:?}") };
    assert_ne!(read.outcome, Outcome::Quarantined, "{:?}", read.errors);
    // The same image read twice is one event: it goes by the first of the two.
    let number = lane.arrival[step];
    let event_id = read.event_id.expect("a change has an id");
    lane.events.entry(event_id).and_modify(|known| *known = number.min(*known)).or_insert(number);
    lane.stored += usize::from(read.outcome != Outcome::Duplicate);
    lane.key = Some(EntityKey {
        entity_name: read.entity_name.clone().expect("a change has an object"),
        aggregate_id: read.aggregate_id.expect("a change has a record"),
    });
}

/// The indexed document without what is the record's own, or about arrival.
async fn document(test: &TestProcess, lane: &Lane) -> Option<Map<String, Value>> {
    let document = test.process.queries.get("clients", &lane.record).await.ok()?;
    let mut json: Map<String, Value> = serde_json::from_str(document.json.get()).expect("a document is JSON");
    for own in ["id", "aggregate_id", "version"] {
        json.remove(own);
    }
    Some(json)
}

async fn check(seeds: std::ops::Range<u64>, tuning: Tuning) -> usize {
    let test = TestProcess::tuned(tuning).await;
    let mut lanes = lanes(seeds);
    let steps = lanes.iter().map(|lane| lane.arrival.len()).max().unwrap_or(0);
    for step in 0..steps {
        let due: Vec<usize> = (0..lanes.len()).filter(|lane| step < lanes[*lane].arrival.len()).collect();
        let deliveries = due.iter().map(|lane| lanes[*lane].deliveries[lanes[*lane].arrival[step]].clone());
        let answers = test.deliver(deliveries).await;
        for (lane, reads) in due.into_iter().zip(answers) {
            note(&mut lanes[lane], step, &reads);
        }
    }
    let mut expected: BTreeMap<u64, (View, Option<Map<String, Value>>)> = BTreeMap::new();
    for lane in &lanes {
        let key = lane.key.as_ref().expect("something was delivered");
        let state = test.load(key).await;
        let (catalog, dialects) = (&test.process.catalog, &test.process.dialects);
        let view = View::of(&state, catalog, dialects, &lane.events);
        assert_eq!(lane.stored, lane.events.len(), "each change is stored once: history {}", lane.seed);
        assert_eq!(state.version().get() as usize, lane.stored, "versions are dense: history {}", lane.seed);
        let indexed = document(&test, lane).await;
        assert_eq!(indexed.is_some(), view.shows, "what shows is indexed: history {}", lane.seed);
        if let Some(indexed) = &indexed {
            let fields = view.entity.iter().filter(|(name, _)| indexed.contains_key(*name));
            let seen: Map<String, Value> = fields.map(|(name, value)| (name.clone(), value.clone())).collect();
            assert_eq!(indexed, &seen, "the index shows the fold: history {}, {:?}", lane.seed, lane.arrival);
        }
        // The first order of a history is that of its commits.
        let first = expected.entry(lane.seed).or_insert_with(|| (view.clone(), indexed.clone()));
        let place = format!("history {}, arrival {:?}", lane.seed, lane.arrival);
        assert_eq!(first.0.set_by, view.set_by, "{place}");
        assert_eq!(first.0.raw, view.raw, "{place}");
        assert_eq!(first.0, view, "{place}");
        assert_eq!(first.1, indexed, "{place}");
    }
    lanes.len()
}

fn tuning(cached_states: usize) -> Tuning {
    let snapshot_interval = NonZeroU64::new(3).expect("not zero");
    Tuning { projector: ProjectorSettings { cached_states, snapshot_interval }, ..Tuning::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_order_of_1000_histories_gives_the_entity_of_the_commit_order() {
    let mut orders = 0;
    for start in (0..HISTORIES).step_by(usize::try_from(A_DATABASE).expect("small")) {
        // In turns with and without cached states: no output depends on the cache.
        let cached = if start % (2 * A_DATABASE) == 0 { 0 } else { 10_000 };
        orders += check(start..start + A_DATABASE, tuning(cached)).await;
    }
    assert!(orders > 20_000, "only {orders} orders were tried");
}
