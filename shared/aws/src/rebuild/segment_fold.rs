//! Folds the events of a segment, stream after stream, in the order of the scan.
//!
//! It holds the state of one stream, however long its history is. A stream whose versions do not start at 1 and
//! follow each other is reported as incomplete, to be read by itself. A stream with an event that cannot be read
//! is reported with the reason.

use annals_application::ports::{Document, StoredInput};
use annals_application::projection::StreamFolder;
use annals_domain::definition::Catalog;
use annals_domain::identity::{EntityKey, EntityName, Provider};
use annals_domain::provider_adapter::ProviderAdapters;

use crate::event_store::{ScanKey, ScannedInput, Undecodable};
use crate::rebuild::plan::RebuildPlan;

#[derive(Debug)]
pub(super) struct FoldedStream {
    pub(super) last: ScanKey,
    /// The object of the record; `None` where no event could be read.
    pub(super) object: Option<(Provider, EntityName)>,
    pub(super) result: StreamResult,
}

#[derive(Debug)]
pub(super) enum StreamResult {
    Document(EntityKey, Box<Document>),
    AwaitsBase,
    /// Its type is not rebuilt.
    Skipped,
    /// Some of its events were not in the scan.
    Incomplete(EntityKey),
    /// An event cannot be read, for this reason.
    Unreadable(String),
}

pub(super) struct SegmentFold<'a> {
    catalog: &'a Catalog,
    adapters: &'a ProviderAdapters,
    plan: &'a RebuildPlan,
    current: Option<CurrentStream<'a>>,
}

struct CurrentStream<'a> {
    last: ScanKey,
    object: Option<(Provider, EntityName)>,
    state: FoldState<'a>,
}

enum FoldState<'a> {
    Folding(Box<StreamFolder<'a>>),
    Skipped,
    Incomplete(EntityKey),
    Unreadable(String),
}

impl<'a> SegmentFold<'a> {
    pub(super) fn new(catalog: &'a Catalog, adapters: &'a ProviderAdapters, plan: &'a RebuildPlan) -> Self {
        Self { catalog, adapters, plan, current: None }
    }

    /// Adds the next event. Returns the stream before it, where that has ended.
    pub(super) fn push(&mut self, item: Result<ScannedInput, Undecodable>) -> Option<FoldedStream> {
        let at = match &item {
            Ok(scanned) => &scanned.at,
            Err(undecodable) => &undecodable.key,
        };
        let is_same = self.current.as_ref().is_some_and(|current| current.last.entity_key == at.entity_key);
        let ended = if is_same { None } else { self.end() };
        let (object, state) = match self.current.take() {
            Some(current) => (current.object, current.state),
            None => (None, self.start(&item)),
        };
        let object_of = |scanned: &ScannedInput| (scanned.provider, scanned.key.entity_name.clone());
        let object = object.or_else(|| item.as_ref().ok().map(object_of));
        let (last, state) = match item {
            Ok(ScannedInput { at, key, input, .. }) => (at, state.with(key, &input)),
            Err(undecodable) => (undecodable.key.clone(), state.broken_by(&undecodable)),
        };
        self.current = Some(CurrentStream { last, object, state });
        ended
    }

    /// Ends the current stream, after the last event of the segment.
    pub(super) fn end(&mut self) -> Option<FoldedStream> {
        let CurrentStream { last, object, state } = self.current.take()?;
        let result = match state {
            FoldState::Folding(folder) => match folder.document(self.catalog) {
                Some(document) => StreamResult::Document(document.key(), Box::new(document)),
                None => StreamResult::AwaitsBase,
            },
            FoldState::Skipped => StreamResult::Skipped,
            FoldState::Incomplete(key) => StreamResult::Incomplete(key),
            FoldState::Unreadable(reason) => StreamResult::Unreadable(reason),
        };
        Some(FoldedStream { last, object, result })
    }

    fn start(&self, item: &Result<ScannedInput, Undecodable>) -> FoldState<'a> {
        match item {
            Ok(scanned) if self.is_rebuilt(scanned.provider, &scanned.key.entity_name) => {
                FoldState::Folding(Box::new(StreamFolder::new(self.adapters, None)))
            }
            Err(undecodable) if self.may_be_rebuilt(&undecodable.key) => FoldState::Unreadable(undecodable.to_string()),
            _ => FoldState::Skipped,
        }
    }

    fn is_rebuilt(&self, provider: Provider, object: &EntityName) -> bool {
        self.plan.target(self.catalog.schema(provider, object).aggregate_type().as_str()).is_some()
    }

    /// An event that cannot be read does not say its provider; its key says the object.
    fn may_be_rebuilt(&self, key: &ScanKey) -> bool {
        let Ok(key) = key.entity_key.parse::<EntityKey>() else { return false };
        self.plan.targets.iter().any(|target| target.may_hold(&key.entity_name, self.catalog))
    }
}

impl FoldState<'_> {
    fn with(self, key: EntityKey, input: &StoredInput) -> Self {
        let Self::Folding(mut folder) = self else { return self };
        if input.version != folder.next_version() {
            return Self::Incomplete(key);
        }
        match folder.fold_input(&key, input) {
            Ok(()) => Self::Folding(folder),
            Err(error) => Self::Unreadable(error.to_string()),
        }
    }

    fn broken_by(self, undecodable: &Undecodable) -> Self {
        match self {
            Self::Folding(_) | Self::Incomplete(_) => Self::Unreadable(undecodable.to_string()),
            Self::Skipped | Self::Unreadable(_) => self,
        }
    }
}
