//! One record's way through a batch: its state before, the events, and its state after.
//!
//! Nothing is read from the stores if the cached state has the version just below the batch, or the
//! batch starts at the first version. Otherwise one snapshot and the events after it are read. The
//! result is the same either way.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::Arc;

use annals_domain::aggregate::Aggregate;
use annals_domain::change::{Change, Lifecycle};
use annals_domain::definition::{Catalog, EntitySchema};
use annals_domain::entity::Entity;
use annals_domain::event::DomainEvent;
use annals_domain::mapping;
use annals_domain::position::{Position, Version};
use annals_domain::provider_adapter::ProviderAdapter;
use annals_domain::services::refetch::RefetchInput;

use super::batch::StreamSpan;
use super::cache::CachedState;
use super::failure::ProjectionFailure;
use super::folder::{StreamFolder, visible_entity};
use super::load::StateLoader;
use crate::commands::{RecentChanges, lock};
use crate::ports::Snapshot;

#[derive(Debug, Clone)]
pub struct EventWithChange {
    pub event: Arc<DomainEvent>,
    pub change: Arc<Change>,
}

/// A record's states before and after a batch, and the events between them.
#[derive(Debug)]
pub struct StateTransition {
    pub schema: EntitySchema,
    /// The entity before the batch; `None` if readers did not see it.
    pub before: Option<Arc<Entity>>,
    /// Whether the record was alive before the batch, and the position of the change that said so.
    pub lifecycle_before: Option<(Position, Lifecycle)>,
    pub after: Aggregate,
    /// The entity after the batch, also while the record waits for its base.
    pub entity: Arc<Entity>,
    /// All events between the two states, in version order. Never empty.
    pub events: Vec<EventWithChange>,
    /// The number of events below the batch that were folded to get the state before it.
    pub folded: u64,
    /// The states at multiples of the snapshot interval, in version order.
    pub(super) snapshots: Vec<Snapshot>,
}

impl StateTransition {
    /// The snapshots to store. Without a multiple of the interval it is that of the state after the batch, if a snapshot
    /// was missing: so the next load need not fold the same events again.
    pub(super) fn snapshots_due(&self, interval: NonZeroU64) -> Vec<Snapshot> {
        let is_missing = self.snapshots.is_empty() && self.folded > interval.get();
        let last = self.events.last().filter(|_| is_missing).map(|read| read.event.recorded_at);
        let after = last.map(|recorded_at| Snapshot { state: self.after.clone(), recorded_at });
        self.snapshots.iter().cloned().chain(after).collect()
    }

    /// The events as the refetch rules take them.
    pub(super) fn refetch_inputs(&self) -> Vec<RefetchInput<'_>> {
        let inputs = self.events.iter().map(|EventWithChange { event, change }| RefetchInput {
            event_type: event.event_type,
            change,
            meets_image: event.metadata.meets_image,
        });
        inputs.collect()
    }
}

pub(super) struct TransitionLoader<'a> {
    pub(super) states: StateLoader<'a>,
    pub(super) catalog: &'a Catalog,
    pub(super) recent: Option<&'a RecentChanges>,
    /// Whether the projector stores the snapshots of a transition.
    pub(super) keeps_snapshots: bool,
}

impl TransitionLoader<'_> {
    /// The transition of one record to the highest version of the batch.
    pub(super) async fn load(
        &self,
        span: &StreamSpan,
        events: BTreeMap<Version, Arc<DomainEvent>>,
        cached: Option<CachedState>,
    ) -> Result<StateTransition, ProjectionFailure> {
        let adapter = self.adapter(&span.first)?;
        let schema = self.catalog.schema(span.first.metadata.provider, &span.first.entity_name);
        let StateBelow { state, entity: before, folded } = self.state_below(span, cached, &schema, adapter).await?;
        let events = self.complete(span, events).await?;
        let lifecycle_before = state.as_ref().and_then(Aggregate::lifecycle_at);
        let mut folder = StreamFolder::new(self.states.adapters, state);
        let mut snapshots = Vec::new();
        for EventWithChange { event, change } in &events {
            let state = folder.apply(event, change);
            if self.keeps_snapshots && event.version.get() % self.states.snapshot_interval == 0 {
                snapshots.push(Snapshot { state: state.clone(), recorded_at: event.recorded_at });
            }
        }
        let Some(after) = folder.into_state() else {
            return Err(ProjectionFailure::Poison("no event to project".to_owned()));
        };
        let changes = events.iter().map(|read| &*read.change);
        let entity = Arc::new(mapping::remap(before.as_deref(), changes, &after, &schema, adapter));
        Ok(StateTransition { schema, before, lifecycle_before, after, entity, events, folded, snapshots })
    }

    fn adapter(&self, event: &DomainEvent) -> Result<&dyn ProviderAdapter, ProjectionFailure> {
        let provider = event.metadata.provider;
        let adapter = self.states.adapters.get(provider).map(|adapter| &**adapter);
        adapter.ok_or_else(|| ProjectionFailure::Poison(format!("no adapter for {provider} events is installed")))
    }

    async fn state_below(
        &self,
        span: &StreamSpan,
        cached: Option<CachedState>,
        schema: &EntitySchema,
        adapter: &dyn ProviderAdapter,
    ) -> Result<StateBelow, ProjectionFailure> {
        let version = span.lowest().previous();
        if let Some(cached) = cached.filter(|cached| cached.aggregate.version() == version) {
            return Ok(StateBelow { state: Some(cached.aggregate), entity: cached.entity, folded: 0 });
        }
        if span.lowest() == Version::FIRST {
            return Ok(StateBelow { state: None, entity: None, folded: 0 });
        }
        let loaded = self.states.load_counted(&span.key, version).await?;
        let entity = visible_entity(&loaded.aggregate, schema, adapter).map(Arc::new);
        Ok(StateBelow { state: Some(loaded.aggregate), entity, folded: loaded.folded })
    }

    /// All events of the span, with those that the batch lacks read from the store.
    async fn complete(
        &self,
        span: &StreamSpan,
        mut events: BTreeMap<Version, Arc<DomainEvent>>,
    ) -> Result<Vec<EventWithChange>, ProjectionFailure> {
        let (mut next, highest) = (span.lowest(), span.highest);
        while next <= highest && (events.len() as u64) <= highest.get() - span.lowest().get() {
            let page = self.states.read(&span.key, next, highest).await?;
            next = page.last().map_or(highest, |last| last.event.version).next();
            events.extend(page.into_iter().map(|stored| (stored.event.version, stored.event)));
        }
        let with_change = |event: Arc<DomainEvent>| Ok(EventWithChange { change: self.change(&event)?, event });
        events.into_values().map(with_change).collect()
    }

    fn change(&self, event: &DomainEvent) -> Result<Arc<Change>, ProjectionFailure> {
        let recent = self.recent.and_then(|recent| lock(recent).pop(&event.event_id()));
        // Equal ids do not prove equal events: the process may also project another account's store.
        match recent.filter(|change| change.position == event.position) {
            Some(change) => Ok(change),
            None => Ok(Arc::new(self.states.adapters.read_event(&event.input())?)),
        }
    }
}

/// A record's state just below a batch.
struct StateBelow {
    /// `None` if the batch starts with the first version.
    state: Option<Aggregate>,
    entity: Option<Arc<Entity>>,
    folded: u64,
}
