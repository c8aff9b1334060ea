//! Folding a segment's items, stream after stream, as they come.
//!
//! Promises memory for one stream's state, whatever the length of its history. A stream that is
//! not met whole from its first version is named, to be read by itself; one with an item that is no
//! event, wherever in it that stands, is named with the reason.

use crate::event_store::{ScanKey, Undecodable};
use annals_application::ports::{Document, StoredEvent};
use annals_application::projection::StreamFolder;
use annals_domain::definition::Catalog;
use annals_domain::identity::{EntityKey, EntityName, Provider};
use annals_domain::position::Version;
use annals_domain::provider_adapter::ProviderAdapters;

use crate::rebuild::plan::RebuildPlan;

/// One stream's end.
#[derive(Debug)]
pub(crate) struct Finished {
    /// Its last item.
    pub(crate) last: ScanKey,
    /// What its record is, where its events tell.
    pub(crate) object: Option<(Provider, EntityName)>,
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
    /// It cannot be read, for that reason.
    Unreadable(String),
}

/// The fold of a segment.
pub(crate) struct Fold<'a> {
    catalog: &'a Catalog,
    adapters: &'a ProviderAdapters,
    plan: &'a RebuildPlan,
    current: Option<Current<'a>>,
}

struct Current<'a> {
    last: ScanKey,
    object: Option<(Provider, EntityName)>,
    state: State<'a>,
}

enum State<'a> {
    Whole(Box<StreamFolder<'a>>),
    NotWanted,
    NotWhole(EntityKey),
    Unreadable(String),
}

impl<'a> Fold<'a> {
    pub(crate) fn new(catalog: &'a Catalog, adapters: &'a ProviderAdapters, plan: &'a RebuildPlan) -> Self {
        Self { catalog, adapters, plan, current: None }
    }

    /// Takes the next item; gives the stream before it, where that has ended.
    pub(crate) fn push(&mut self, item: &Result<StoredEvent, Undecodable>) -> Option<Finished> {
        let place = match item {
            Ok(stored) => place_of(&stored.event.key(), stored.event.version),
            Err(undecodable) => undecodable.key.clone(),
        };
        let is_same = self.current.as_ref().is_some_and(|current| current.last.entity_key == place.entity_key);
        let ended = if is_same { None } else { self.end() };
        let (object, state) = match self.current.take() {
            Some(current) => (current.object, current.state),
            None => (None, self.begin(item)),
        };
        let told = |stored: &StoredEvent| (stored.event.metadata.provider, stored.event.entity_name.clone());
        let object = object.or_else(|| item.as_ref().ok().map(told));
        let state = match item {
            Ok(stored) => state.with(stored),
            Err(undecodable) => state.broken_by(undecodable),
        };
        self.current = Some(Current { last: place, object, state });
        ended
    }

    /// The stream at hand, as the segment's last.
    pub(crate) fn end(&mut self) -> Option<Finished> {
        let Current { last, object, state } = self.current.take()?;
        let result = match state {
            State::Whole(folder) => match folder.document(self.catalog) {
                Some(document) => StreamResult::Document(document.key(), Box::new(document)),
                None => StreamResult::AwaitsBase,
            },
            State::NotWanted => StreamResult::NotWanted,
            State::NotWhole(key) => StreamResult::NotWhole(key),
            State::Unreadable(reason) => StreamResult::Unreadable(reason),
        };
        Some(Finished { last, object, result })
    }

    fn begin(&self, item: &Result<StoredEvent, Undecodable>) -> State<'a> {
        match item {
            Ok(stored) if self.is_wanted(stored.event.metadata.provider, &stored.event.entity_name) => {
                State::Whole(Box::new(StreamFolder::new(self.adapters, None)))
            }
            Err(undecodable) if self.may_be_wanted(&undecodable.key) => State::Unreadable(undecodable.to_string()),
            _ => State::NotWanted,
        }
    }

    fn is_wanted(&self, provider: Provider, object: &EntityName) -> bool {
        self.plan.target(self.catalog.schema(provider, object).aggregate_type().as_str()).is_some()
    }

    /// What cannot be read does not tell whose it is; its key tells the object.
    fn may_be_wanted(&self, place: &ScanKey) -> bool {
        let Ok(key) = place.entity_key.parse::<EntityKey>() else { return false };
        self.plan.targets.iter().any(|target| target.may_hold(&key.entity_name, self.catalog))
    }
}

impl State<'_> {
    fn with(self, stored: &StoredEvent) -> Self {
        let Self::Whole(mut folder) = self else { return self };
        if stored.event.version != folder.next_version() {
            return Self::NotWhole(stored.event.key());
        }
        match folder.fold(&stored.event) {
            Ok(()) => Self::Whole(folder),
            Err(error) => Self::Unreadable(error.to_string()),
        }
    }

    fn broken_by(self, undecodable: &Undecodable) -> Self {
        match self {
            Self::Whole(_) | Self::NotWhole(_) => Self::Unreadable(undecodable.to_string()),
            unread => unread,
        }
    }
}

fn place_of(key: &EntityKey, version: Version) -> ScanKey {
    ScanKey { entity_key: key.to_string(), version: version.get().to_string() }
}
