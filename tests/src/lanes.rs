//! Histories of many records side by side: every order of a history is a record of its own, and all
//! end as the one in commit order does.
//!
//! Promises the same checks for every set of adapters; unlike the rest of this crate, it asserts.

use std::collections::{BTreeMap, HashMap};

use annals_application::commands::{EventRead, Outcome};
use annals_domain::aggregate::Aggregate;
use annals_domain::identity::EntityKey;
use annals_domain::position::EventId;
use serde_json::{Map, Value};

use crate::crm::Delivery;
use crate::history::History;
use crate::process::key_of;
use crate::view::View;

/// One order of arrival, as a record of its own.
#[derive(Debug)]
pub struct Lane {
    /// The record's id at the CRM.
    pub record: String,
    /// Where its events are, once one was noted.
    pub key: Option<EntityKey>,
    /// Which delivery each event is.
    pub events: HashMap<EventId, usize>,
    seed: u64,
    arrival: Vec<usize>,
    deliveries: Vec<Delivery>,
    stored: usize,
}

/// The lanes of histories, in the orders that `arrivals` gives for a history of that length. The
/// first of them is the order of the commits.
pub fn lanes(seeds: std::ops::Range<u64>, arrivals: impl Fn(History, usize) -> Vec<Vec<usize>>) -> Vec<Lane> {
    let mut lanes = Vec::new();
    for seed in seeds {
        let history = History { seed };
        let length = history.deliveries("001000000000001AAA").len();
        for arrival in arrivals(history, length) {
            let record = format!("001{:012}AAA", lanes.len());
            let deliveries = history.deliveries(&record);
            let (events, key) = (HashMap::new(), None);
            lanes.push(Lane { seed, record, arrival, deliveries, events, key, stored: 0 });
        }
    }
    lanes
}

/// How many steps the longest has.
pub fn steps(lanes: &[Lane]) -> usize {
    lanes.iter().map(|lane| lane.arrival.len()).max().unwrap_or(0)
}

impl Lane {
    /// What arrives in a step, if anything does.
    pub fn arriving(&self, step: usize) -> Option<Delivery> {
        Some(self.deliveries[*self.arrival.get(step)?].clone())
    }

    /// Notes what became of what arrived in a step.
    pub fn note(&mut self, step: usize, reads: &[EventRead]) {
        let [read] = reads else { panic!("one answer a delivery: {reads:?}") };
        assert_ne!(read.outcome, Outcome::Quarantined, "{:?}", read.errors);
        // The same image read twice is one event: it goes by the first of the two.
        let number = self.arrival[step];
        let event_id = read.event_id.expect("a change has an id");
        self.events.entry(event_id).and_modify(|known| *known = number.min(*known)).or_insert(number);
        self.stored += usize::from(read.outcome != Outcome::Duplicate);
        self.key = Some(key_of(read));
    }
}

/// What the lanes seen so far came to, by history.
#[derive(Debug, Default)]
pub struct Seen(BTreeMap<u64, (View, Option<Map<String, Value>>)>);

impl Seen {
    /// Checks what a lane came to: its state, the view of it, and the document that its readers get.
    pub fn check(&mut self, lane: &Lane, state: &Aggregate, view: View, document: Option<&str>) {
        let place = format!("history {}, arrival {:?}", lane.seed, lane.arrival);
        assert_eq!(lane.stored, lane.events.len(), "each change is stored once: {place}");
        assert_eq!(state.version().get() as usize, lane.stored, "versions are dense: {place}");
        let document = document.map(without_own);
        assert_eq!(document.is_some(), view.shows, "what shows is indexed: {place}");
        if let Some(document) = &document {
            let fields = view.entity.iter().filter(|(name, _)| document.contains_key(*name));
            let seen: Map<String, Value> = fields.map(|(name, value)| (name.clone(), value.clone())).collect();
            assert_eq!(document, &seen, "the index shows the fold: {place}");
        }
        let first = self.0.entry(lane.seed).or_insert_with(|| (view.clone(), document.clone()));
        assert_eq!(first.0.set_by, view.set_by, "{place}");
        assert_eq!(first.0.raw, view.raw, "{place}");
        assert_eq!(first.0, view, "{place}");
        assert_eq!(first.1, document, "{place}");
    }
}

/// A document without what is the record's own, or about arrival.
fn without_own(document: &str) -> Map<String, Value> {
    let mut json: Map<String, Value> = serde_json::from_str(document).expect("a document is JSON");
    for own in ["id", "aggregate_id", "version"] {
        json.remove(own);
    }
    json
}
