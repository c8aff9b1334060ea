//! Histories of many records side by side. Each order of a history is a separate record, and all of them
//! must end in the same state as the record in commit order.
//!
//! The checks are the same for every set of adapters. Unlike the rest of this crate, this module asserts.

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

/// One order of arrival, as a separate record.
#[derive(Debug)]
pub struct Lane {
    /// The record's id in the CRM.
    pub record: String,
    /// The stream of its events, known after the first result.
    pub key: Option<EntityKey>,
    /// The number of the delivery of each event.
    pub events: HashMap<EventId, usize>,
    seed: u64,
    arrival: Vec<usize>,
    deliveries: Vec<Delivery>,
    identities: Vec<Option<String>>,
    stored: usize,
}

/// The lanes of the histories, in the orders that `arrivals` returns for a history of that length. The
/// first lane of each history is in commit order.
pub fn lanes(seeds: std::ops::Range<u64>, arrivals: impl Fn(History, usize) -> Vec<Vec<usize>>) -> Vec<Lane> {
    let mut lanes = Vec::new();
    for seed in seeds {
        let history = History { seed };
        let length = history.deliveries("001000000000001AAA").len();
        for arrival in arrivals(history, length) {
            let record = format!("001{:012}AAA", lanes.len());
            let deliveries = history.deliveries(&record);
            let identities = deliveries.iter().map(Delivery::identity).collect();
            let (events, key) = (HashMap::new(), None);
            lanes.push(Lane { seed, record, arrival, deliveries, identities, events, key, stored: 0 });
        }
    }
    lanes
}

/// The number of steps of the longest lane.
pub fn steps(lanes: &[Lane]) -> usize {
    lanes.iter().map(|lane| lane.arrival.len()).max().unwrap_or(0)
}

impl Lane {
    /// The delivery that arrives in a step, if any.
    pub fn arriving(&self, step: usize) -> Option<Delivery> {
        Some(self.deliveries[*self.arrival.get(step)?].clone())
    }

    /// The number of the first delivery of the same change: copies of an event have it in common.
    fn number(&self, delivery: usize) -> usize {
        let identity = self.identities[delivery].as_ref();
        let first = self.identities.iter().position(|other| other.is_some() && other.as_ref() == identity);
        first.unwrap_or(delivery)
    }

    /// Records the result of the delivery of a step.
    pub fn note(&mut self, step: usize, reads: &[EventRead]) {
        // A merged event changes another record too.
        let mut own =
            reads.iter().filter(|read| read.external_id.as_ref().is_some_and(|id| id.as_str() == self.record));
        let (Some(read), None) = (own.next(), own.next()) else { panic!("expected one own result: {reads:?}") };
        assert_ne!(read.outcome, Outcome::Quarantined, "{:?}", read.errors);
        // The same image read twice is one event, numbered by the first read.
        let number = self.number(self.arrival[step]);
        let event_id = read.event_id.expect("a change has an id");
        self.events.entry(event_id).and_modify(|known| *known = number.min(*known)).or_insert(number);
        self.stored += usize::from(read.outcome != Outcome::Duplicate);
        self.key = Some(key_of(read));
    }
}

/// The final states of the lanes checked so far, by history.
#[derive(Debug, Default)]
pub struct Seen(BTreeMap<u64, (View, Option<Map<String, Value>>)>);

impl Seen {
    /// Checks the final state of a lane, its view, and the document that readers get.
    pub fn check(&mut self, lane: &Lane, state: &Aggregate, view: View, document: Option<&str>) {
        let place = format!("history {}, arrival {:?}", lane.seed, lane.arrival);
        assert_eq!(lane.stored, lane.events.len(), "each change must be stored once: {place}");
        assert_eq!(state.version().get() as usize, lane.stored, "versions are dense: {place}");
        let document = document.map(without_own);
        assert_eq!(document.is_some(), view.shows, "a visible record must be indexed: {place}");
        if let Some(document) = &document {
            let fields = view.entity.iter().filter(|(name, _)| document.contains_key(*name));
            let seen: Map<String, Value> = fields.map(|(name, value)| (name.clone(), value.clone())).collect();
            assert_eq!(document, &seen, "the document must equal the folded state: {place}");
        }
        let first = self.0.entry(lane.seed).or_insert_with(|| (view.clone(), document.clone()));
        assert_eq!(first.0.set_by, view.set_by, "{place}");
        assert_eq!(first.0.raw, view.raw, "{place}");
        assert_eq!(first.0, view, "{place}");
        assert_eq!(first.1, document, "{place}");
    }
}

/// A document without its ids and without the fields that depend on the order of arrival.
fn without_own(document: &str) -> Map<String, Value> {
    let mut json: Map<String, Value> = serde_json::from_str(document).expect("a document is JSON");
    for own in ["id", "aggregate_id", "version"] {
        json.remove(own);
    }
    json
}
