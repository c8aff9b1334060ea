//! Every moment at which a record's past changes, and what queries must answer there: the fold of exactly the events
//! that count, made here from the whole stream.
//!
//! The checks are the same for every set of adapters. Like `lanes`, this module asserts.

use std::collections::BTreeSet;

use annals_application::ports::{EventStore, ReadOptions, StoredEvent};
use annals_application::queries::{
    DiffPoint, EntityQueries, HistoryEvent, HistoryOrder, HistoryRequest, IdsRequest, MomentRequest, PageLink,
    QueryError,
};
use annals_domain::aggregate::Aggregate;
use annals_domain::definition::Catalog;
use annals_domain::event::DomainEvent;
use annals_domain::identity::EntityKey;
use annals_domain::mapping;
use annals_domain::position::Version;
use annals_domain::provider_adapter::ProviderAdapters;
use annals_domain::timestamp::Timestamp;
use serde_json::{Map, Value, json};

/// A record whose past is queried.
pub struct Past<'a> {
    /// The queries that are tested.
    pub queries: &'a EntityQueries,
    /// The definitions.
    pub catalog: &'a Catalog,
    /// The adapters of the events.
    pub adapters: &'a ProviderAdapters,
    /// The record's id in the CRM.
    pub id: &'a str,
    /// All events of its stream, in version order.
    pub events: Vec<StoredEvent>,
}

/// What a query for one entity answers.
#[derive(Debug, Clone, PartialEq)]
pub enum PastEntity {
    /// No event counts.
    NotThere,
    /// No event that counts states the whole record.
    AwaitingBase,
    /// Its JSON.
    Entity(Value),
}

/// The type of the records.
const TYPE: &str = "clients";

impl<'a> Past<'a> {
    /// Reads the whole stream of a record.
    pub async fn read(
        queries: &'a EntityQueries,
        store: &dyn EventStore,
        adapters: &'a ProviderAdapters,
        key: &EntityKey,
        id: &'a str,
    ) -> Self {
        let events = store.read(key, &ReadOptions::from(Version::FIRST, usize::MAX)).await.expect("the store reads");
        Self { queries, catalog: queries.catalog(), adapters, id, events }
    }

    /// The state after exactly the events that count; `None` if none does.
    pub fn fold(&self, counts: impl Fn(&DomainEvent) -> bool) -> Option<Aggregate> {
        let mut state = None;
        for stored in self.events.iter().filter(|stored| counts(&stored.event)) {
            let event = &*stored.event;
            let metadata = &event.metadata;
            let state = state
                .get_or_insert_with(|| Aggregate::new(event.key(), metadata.provider, metadata.external_id.clone()));
            state.apply(event.version, &self.adapters.read_event(&event.input()).expect("a stored event is readable"));
        }
        state
    }

    /// What a query at the moment must answer.
    pub fn expected(&self, moment: &MomentRequest) -> PastEntity {
        let counts = |event: &DomainEvent| {
            moment.as_of.is_none_or(|as_of| event.timestamp() <= as_of)
                && moment.known_at.is_none_or(|known_at| event.recorded_at <= known_at)
                && moment.version.is_none_or(|version| event.version.get() <= version)
        };
        let Some(state) = self.fold(counts) else { return PastEntity::NotThere };
        if !state.has_base() {
            return PastEntity::AwaitingBase;
        }
        let schema = self.catalog.schema(state.provider(), &state.key().entity_name);
        let adapter = self.adapters.get(state.provider()).expect("the adapter that read it");
        PastEntity::Entity(Value::Object(mapping::map(&state, &schema, &**adapter).to_json(&schema)))
    }

    /// The timestamps of the events, and one millisecond before each.
    pub fn timestamps(&self) -> BTreeSet<Timestamp> {
        around(self.events.iter().map(|stored| stored.event.timestamp()))
    }

    /// The times at which the events were stored, and one millisecond before each.
    pub fn recorded(&self) -> BTreeSet<Timestamp> {
        around(self.events.iter().map(|stored| stored.event.recorded_at))
    }

    /// All moments by one clock, by both, and by version.
    pub fn moments(&self) -> Vec<MomentRequest> {
        let (timestamps, recorded) = (self.timestamps(), self.recorded());
        let of = |as_of, known_at| MomentRequest { as_of, known_at, version: None };
        let version = |version| MomentRequest { version: Some(version), ..MomentRequest::default() };
        let mut moments: Vec<MomentRequest> = (1..=self.events.len() as u64).map(version).collect();
        moments.extend(timestamps.iter().map(|as_of| of(Some(*as_of), None)));
        moments.extend(recorded.iter().map(|known_at| of(None, Some(*known_at))));
        let events = || self.events.iter().map(|stored| &stored.event);
        let pairs = events().flat_map(|one| events().map(|other| (one.timestamp(), other.recorded_at)));
        let pairs: BTreeSet<_> = pairs.collect();
        moments.extend(pairs.into_iter().map(|(as_of, known_at)| of(Some(as_of), Some(known_at))));
        moments
    }

    /// The mapped fields of a state, all null without one.
    fn fields(&self, state: Option<&Aggregate>) -> Map<String, Value> {
        let Some(any) = self.fold(|_| true) else { return Map::new() };
        let schema = self.catalog.schema(any.provider(), &any.key().entity_name);
        let adapter = self.adapters.get(any.provider()).expect("the adapter that read it");
        match state {
            Some(state) => mapping::map(state, &schema, &**adapter).data(&schema),
            None => self.fields(Some(&any)).into_iter().map(|(name, _)| (name, Value::Null)).collect(),
        }
    }

    /// Checks what differs between two moments: exactly the fields of the two folds, each with an event up to which the
    /// later value is decided.
    async fn check_diff(&self, from: DiffPoint, to: DiffPoint) {
        let counts = |point: DiffPoint| {
            move |event: &DomainEvent| match point {
                DiffPoint::Timestamp(as_of) => event.timestamp() <= as_of,
                DiffPoint::Version(version) => event.version.get() <= version,
            }
        };
        let (before, after) = (self.fold(counts(from)), self.fold(counts(to)));
        let answer = self.queries.time_travel().diff(TYPE, self.id, from, Some(to)).await;
        let Some(after) = after.filter(Aggregate::has_base) else {
            assert!(answer.is_err(), "{} from {from} to {to}", self.id);
            return;
        };
        let (before, after) = (self.fields(before.as_ref()), self.fields(Some(&after)));
        let mut changes = answer.expect("it is there").changes;
        let differing = after.iter().filter(|(name, value)| before[*name] != **value);
        for (name, value) in differing {
            let change =
                changes.shift_remove(name).unwrap_or_else(|| panic!("{} from {from} to {to}: {name}", self.id));
            assert_eq!((&change["from"], &change["to"]), (&before[name], value), "{} from {from} to {to}", self.id);
            if let Some(event) = self.event_of(&change["set_by"]) {
                let decided = self.fold(|other| counts(to)(other) && other.position <= event.position);
                assert_eq!(&self.fields(decided.as_ref())[name], value, "{} to {to}: {name}", self.id);
            }
        }
        assert_eq!(changes, Map::new(), "{} from {from} to {to}", self.id);
    }

    /// The event that a member of an answer names, of which that member must say the truth.
    fn event_of(&self, origin: &Value) -> Option<&DomainEvent> {
        let id = origin["event_id"].as_str()?;
        let event = self.events.iter().map(|stored| &*stored.event).find(|event| event.event_id().to_string() == id);
        let event = event.expect("an event of the stream");
        let metadata = &event.metadata;
        assert_eq!(origin["version"], json!(event.version), "{origin}");
        assert_eq!(origin["timestamp"], json!(event.timestamp()), "{origin}");
        assert_eq!((&origin["user"], &origin["source"]), (&json!(metadata.user), &json!(metadata.source)), "{origin}");
        Some(event)
    }

    /// Checks what differs from each boundary to the next, by the CRM's clock and by version, and from each to the end.
    pub async fn check_diffs(&self) {
        let timestamps = self.timestamps().into_iter().map(DiffPoint::Timestamp).collect::<Vec<_>>();
        let versions = (1..=self.events.len() as u64).map(DiffPoint::Version).collect::<Vec<_>>();
        for points in [timestamps, versions] {
            let last = *points.last().expect("a stream with events");
            for pair in points.windows(2) {
                self.check_diff(pair[0], pair[1]).await;
                self.check_diff(pair[0], last).await;
            }
        }
    }

    /// All pages of a history, by following numbers or cursors.
    async fn history(&self, request: &HistoryRequest) -> Vec<HistoryEvent> {
        let (mut events, mut request) = (Vec::new(), request.clone());
        loop {
            let page = self.queries.history(TYPE, self.id, &request).await.expect("the store answers");
            events.extend(page.results);
            match page.next {
                None => return events,
                Some(PageLink::Number(number)) => request.page = Some(number),
                Some(PageLink::Cursor(cursor)) => request.cursor = Some(cursor),
            }
        }
    }

    /// Checks histories: the changes in order give the entity of each version, and every filter and order is that of the
    /// whole history.
    pub async fn check_history(&self) {
        let small = || HistoryRequest { page_size: Some(3), ..HistoryRequest::default() };
        let whole = self.history(&small()).await;
        let mut entity = self.fields(None);
        let mut newest = None;
        for (event, stored) in whole.iter().zip(&self.events) {
            assert_eq!((event.event_id, event.version), (stored.event.event_id(), stored.event.version), "{}", self.id);
            assert_eq!(event.late, newest > Some(stored.event.position), "{} version {}", self.id, event.version);
            newest = newest.max(Some(stored.event.position));
            for (field, change) in &event.changes {
                let before = entity.insert(field.clone(), change["to"].clone());
                assert_eq!(before.as_ref(), Some(&change["from"]), "{} version {}: {field}", self.id, event.version);
            }
            let folded = self.fold(|other| other.version <= event.version);
            assert_eq!(entity, self.fields(folded.as_ref()), "{} version {}", self.id, event.version);
        }
        assert_eq!(whole.len(), self.events.len());
        let timestamps: Vec<Timestamp> = self.timestamps().into_iter().collect();
        let (from, to) = (timestamps[timestamps.len() / 3], timestamps[2 * timestamps.len() / 3]);
        let dates = [(None, None), (Some(from), None), (None, Some(to)), (Some(from), Some(to))];
        let fields = [&[][..], &["name", "status"]];
        for ((from_date, to_date), fields) in
            dates.iter().flat_map(|dates| fields.iter().map(move |fields| (dates, fields)))
        {
            let matches = |event: &&HistoryEvent| {
                from_date.is_none_or(|from| from <= event.timestamp)
                    && to_date.is_none_or(|to| event.timestamp <= to)
                    && (fields.is_empty() || fields.iter().any(|field| event.changes.contains_key(*field)))
            };
            let mut expected: Vec<Version> = whole.iter().filter(matches).map(|event| event.version).collect();
            for order in [HistoryOrder::Ascending, HistoryOrder::Descending] {
                for cursor in [None, Some(String::new())] {
                    let fields = fields.iter().map(|field| (*field).to_owned()).collect();
                    let request =
                        HistoryRequest { from_date: *from_date, to_date: *to_date, fields, order, cursor, ..small() };
                    let found: Vec<Version> = self.history(&request).await.iter().map(|event| event.version).collect();
                    assert_eq!(found, expected, "{}: {request:?}", self.id);
                }
                expected.reverse();
            }
        }
    }

    /// Checks the provenance of each field: the entity is the same as without, and each event is the one that wrote the
    /// value: without the writes after it, the value is the same.
    pub async fn check_provenance(&self) {
        let versions = (1..=self.events.len() as u64)
            .map(|version| MomentRequest { version: Some(version), ..MomentRequest::default() });
        for moment in versions {
            let explained = match self.queries.time_travel().explain(TYPE, self.id, &moment).await {
                Ok(document) => document,
                Err(QueryError::AwaitingBase { .. }) => continue,
                Err(error) => panic!("{} at {moment:?}: {error}", self.id),
            };
            let mut entity: Value = serde_json::from_str(explained.json.get()).expect("an entity is JSON");
            let explain =
                entity.as_object_mut().and_then(|entity| entity.shift_remove("explain")).expect("it is asked for");
            assert_eq!(PastEntity::Entity(entity.clone()), self.expected(&moment), "{} at {moment:?}", self.id);
            for (name, origin) in explain.as_object().expect("an object") {
                if origin["operation"] == "copy" {
                    assert_eq!(entity[name], origin["raw_value"], "{} at {moment:?}: {name}", self.id);
                }
                let Some(event) = self.event_of(origin) else { continue };
                let position = &origin["position"];
                assert_eq!(
                    position["commit_number"],
                    json!(event.position.commit_number.map(|number| number.to_string()))
                );
                assert!(moment.version.is_none_or(|version| event.version.get() <= version), "{name}: {origin}");
                assert!(!origin["operation"].is_null() && !origin["provider_field"].is_null(), "{name}: {origin}");
            }
        }
    }

    /// Checks the answer at each moment. Returns how many there were.
    pub async fn check(&self) -> usize {
        let moments = self.moments();
        for moment in &moments {
            assert_eq!(self.found(moment).await, self.expected(moment), "{} at {moment:?}", self.id);
        }
        moments.len()
    }

    /// What the query answers.
    pub async fn found(&self, moment: &MomentRequest) -> PastEntity {
        match self.queries.time_travel().get(TYPE, self.id, moment).await {
            Ok(document) => PastEntity::Entity(serde_json::from_str(document.json.get()).expect("an entity is JSON")),
            Err(QueryError::NotAtMoment { .. }) => PastEntity::NotThere,
            Err(QueryError::AwaitingBase { .. }) => PastEntity::AwaitingBase,
            Err(error) => panic!("{} at {moment:?}: {error}", self.id),
        }
    }
}

fn around(times: impl Iterator<Item = Timestamp>) -> BTreeSet<Timestamp> {
    times.flat_map(|time| [time.plus_millis(-1), time]).collect()
}

/// Checks that a query for several entities answers as queries for each of them do.
pub async fn check_several(pasts: &[Past<'_>], moment: &MomentRequest) {
    let Some(first) = pasts.first() else { return };
    let ids: Vec<String> = pasts.iter().map(|past| past.id.to_owned()).collect();
    let request = IdsRequest { ids, moment: *moment, ..IdsRequest::default() };
    let found = first.queries.time_travel().get_many(TYPE, &request).await.expect("the store answers");
    let found: Vec<Value> =
        found.results.iter().map(|one| serde_json::from_str(one.json.get()).expect("JSON")).collect();
    let expected = pasts.iter().filter_map(|past| match past.expected(moment) {
        PastEntity::Entity(entity) => Some(entity),
        PastEntity::NotThere | PastEntity::AwaitingBase => None,
    });
    assert_eq!(found, expected.collect::<Vec<_>>(), "{moment:?}");
}
