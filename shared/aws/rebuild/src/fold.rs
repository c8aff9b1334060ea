//! Folding a segment's events, stream after stream, as they come.
//!
//! Promises memory for one stream's state, whatever the length of its history. A stream that is
//! not met whole from its first version is named, to be read by itself.

use annals_application::ports::{Document, StoredEvent};
use annals_application::projection::shown_document;
use annals_aws_event_store::ScanKey;
use annals_domain::aggregate::Aggregate;
use annals_domain::definition::Catalog;
use annals_domain::dialect::Dialects;
use annals_domain::identity::EntityKey;
use annals_domain::position::Version;

use crate::plan::Plan;

/// One stream's end.
#[derive(Debug)]
pub(crate) struct Finished {
    /// Its last item.
    pub(crate) last: ScanKey,
    /// What came of it.
    pub(crate) result: StreamResult,
}

/// What came of a stream.
#[derive(Debug)]
pub(crate) enum StreamResult {
    /// A document, for the index of its type.
    Document(EntityKey, Box<Document>),
    /// It waits for its base.
    AwaitsBase,
    /// It is of a type that is not rebuilt.
    NotWanted,
    /// It was not met whole.
    NotWhole(EntityKey),
    /// It cannot be read.
    Unreadable(EntityKey, String),
}

/// The fold of a segment.
pub(crate) struct Fold<'a> {
    catalog: &'a Catalog,
    dialects: &'a Dialects,
    plan: &'a Plan,
    current: Option<Current>,
}

struct Current {
    key: EntityKey,
    last: ScanKey,
    state: State,
}

enum State {
    Whole(Box<Aggregate>),
    NotWanted,
    NotWhole,
    Unreadable(String),
}

impl<'a> Fold<'a> {
    pub(crate) fn new(catalog: &'a Catalog, dialects: &'a Dialects, plan: &'a Plan) -> Self {
        Self { catalog, dialects, plan, current: None }
    }

    /// Takes the next event; gives the stream before it, where that has ended.
    pub(crate) fn push(&mut self, stored: &StoredEvent) -> Option<Finished> {
        let event = &stored.event;
        let is_same = self.current.as_ref().is_some_and(|current| {
            current.key.aggregate_id == event.aggregate_id && current.key.entity_name == event.entity_name
        });
        let ended = if is_same { None } else { self.end() };
        if self.current.is_none() {
            self.current = Some(self.begin(stored));
        }
        if let Some(current) = &mut self.current {
            current.last = place_of(&current.key, event.version);
            current.state.take(stored, self.dialects);
        }
        ended
    }

    /// An item that is no event stands in a stream: its stream is not whole.
    pub(crate) fn skip(&mut self, at: &ScanKey) {
        if let Some(current) = self.current.as_mut().filter(|current| current.key.to_string() == at.entity_key) {
            current.state = State::Unreadable(format!("version {} cannot be read", at.version));
        }
    }

    /// The stream at hand, as the segment's last.
    pub(crate) fn end(&mut self) -> Option<Finished> {
        let Current { key, last, state } = self.current.take()?;
        let result = match state {
            State::Whole(aggregate) => match shown_document(&aggregate, self.catalog, self.dialects) {
                Some(document) => StreamResult::Document(key, Box::new(document)),
                None => StreamResult::AwaitsBase,
            },
            State::NotWanted => StreamResult::NotWanted,
            State::NotWhole => StreamResult::NotWhole(key),
            State::Unreadable(reason) => StreamResult::Unreadable(key, reason),
        };
        Some(Finished { last, result })
    }

    fn begin(&self, stored: &StoredEvent) -> Current {
        let (key, event) = (stored.event.key(), &stored.event);
        let shape = self.catalog.shape(event.metadata.provider, &key.entity_name);
        let is_wanted = self.plan.target(shape.aggregate_type().as_str()).is_some();
        let state = if is_wanted {
            let fresh = Aggregate::new(key.clone(), event.metadata.provider, event.metadata.external_id.clone());
            State::Whole(Box::new(fresh))
        } else {
            State::NotWanted
        };
        Current { last: place_of(&key, event.version), key, state }
    }
}

impl State {
    fn take(&mut self, stored: &StoredEvent, dialects: &Dialects) {
        let Self::Whole(aggregate) = self else { return };
        let version = stored.event.version;
        if version != aggregate.version().next() {
            *self = Self::NotWhole;
            return;
        }
        match dialects.read_event(&stored.event) {
            Ok(change) => aggregate.apply(version, &change),
            Err(error) => *self = Self::Unreadable(error.to_string()),
        }
    }
}

fn place_of(key: &EntityKey, version: Version) -> ScanKey {
    ScanKey { entity_key: key.to_string(), version: version.get().to_string() }
}
