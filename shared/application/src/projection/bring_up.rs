//! Bringing one record's state up to a batch's highest version.
//!
//! Promises no read where the cached state stands just below the batch, or the batch starts at the
//! first version; else one snapshot and the tail behind it. The result is the same either way.

use std::collections::BTreeMap;
use std::sync::Arc;

use annals_domain::aggregate::Aggregate;
use annals_domain::definition::Catalog;
use annals_domain::entity::Entity;
use annals_domain::event::DomainEvent;
use annals_domain::identity::EntityKey;
use annals_domain::mapping;
use annals_domain::position::Version;
use annals_domain::provider_adapter::ProviderAdapter;

use super::load::{LoadedState, PAGE, StateLoader, of_one_stream};
use super::{EventWithChange, ProjectionFailure, StateTransition, shown};
use crate::commands::{RecentChanges, lock};
use crate::ports::ReadOptions;

/// A record's state as the last batch left it.
#[derive(Debug)]
pub(super) struct CachedState {
    pub(super) aggregate: Aggregate,
    pub(super) entity: Option<Arc<Entity>>,
}

/// What bringing up needs.
pub(super) struct BringUp<'a> {
    pub(super) loader: StateLoader<'a>,
    pub(super) catalog: &'a Catalog,
    pub(super) recent: Option<&'a RecentChanges>,
}

impl BringUp<'_> {
    /// Brings a record up to the highest version in `batch`, which is not empty.
    pub(super) async fn run(
        &self,
        key: &EntityKey,
        batch: BTreeMap<Version, Arc<DomainEvent>>,
        cached: Option<CachedState>,
    ) -> Result<StateTransition, ProjectionFailure> {
        let (Some(lowest), Some(highest)) = (batch.keys().next().copied(), batch.keys().last().copied()) else {
            return Err(ProjectionFailure::Poison("no event to project".to_owned()));
        };
        let Some(first) = batch.get(&lowest).map(Arc::clone) else {
            return Err(ProjectionFailure::Poison("no event to project".to_owned()));
        };
        let adapter = self.adapter(&first)?;
        let (below, folded) = self.state_below(key, lowest, &first, cached, adapter).await?;
        let events = self.complete(key, lowest, highest, batch).await?;
        let schema = self.catalog.schema(first.metadata.provider, &first.entity_name);
        let CachedState { mut aggregate, entity: before } = below;
        let standing = aggregate.standing();
        for read in &events {
            aggregate.apply(read.event.version, &read.change);
        }
        let changes = events.iter().map(|read| &*read.change);
        let entity = Arc::new(mapping::map_again(before.as_deref(), changes, &aggregate, &schema, adapter));
        Ok(StateTransition { schema, before, standing, after: aggregate, entity, events, folded })
    }

    fn adapter(&self, event: &DomainEvent) -> Result<&dyn ProviderAdapter, ProjectionFailure> {
        let provider = event.metadata.provider;
        let adapter = self.loader.adapters.get(provider).map(|adapter| &**adapter);
        adapter.ok_or_else(|| ProjectionFailure::Poison(format!("this installation reads no {provider} events")))
    }

    /// The state just below `lowest`, and how many events were folded for it.
    async fn state_below(
        &self,
        key: &EntityKey,
        lowest: Version,
        first: &DomainEvent,
        cached: Option<CachedState>,
        adapter: &dyn ProviderAdapter,
    ) -> Result<(CachedState, u64), ProjectionFailure> {
        let below = lowest.previous();
        if let Some(cached) = cached.filter(|cached| cached.aggregate.version() == below) {
            return Ok((cached, 0));
        }
        let fresh = || Aggregate::new(key.clone(), first.metadata.provider, first.metadata.external_id.clone());
        if lowest == Version::FIRST {
            return Ok((CachedState { aggregate: fresh(), entity: None }, 0));
        }
        let LoadedState { aggregate, folded } = self.loader.loaded(key, below, fresh()).await?;
        let schema = self.catalog.schema(first.metadata.provider, &first.entity_name);
        let entity = shown(&aggregate, &schema, adapter).map(Arc::new);
        Ok((CachedState { aggregate, entity }, folded))
    }

    /// The events from `lowest` to `highest`, those that the batch leaves out read from the store.
    async fn complete(
        &self,
        key: &EntityKey,
        lowest: Version,
        highest: Version,
        mut batch: BTreeMap<Version, Arc<DomainEvent>>,
    ) -> Result<Vec<EventWithChange>, ProjectionFailure> {
        let mut next = lowest;
        while next <= highest && (batch.len() as u64) <= highest.get() - lowest.get() {
            let options = ReadOptions { to_version: Some(highest), ..ReadOptions::from(next, PAGE) };
            let page = self.loader.store.read(key, &options).await.map_err(of_one_stream)?;
            let Some(last) = page.last() else {
                return Err(ProjectionFailure::Poison(format!("version {next} is not in the store")));
            };
            next = last.event.version.next();
            batch.extend(page.into_iter().map(|stored| (stored.event.version, stored.event)));
        }
        let read = |event: Arc<DomainEvent>| Ok(EventWithChange { change: self.read_event(&event)?, event });
        batch.into_values().map(read).collect()
    }

    fn read_event(&self, event: &DomainEvent) -> Result<Arc<annals_domain::change::Change>, ProjectionFailure> {
        let recent = self.recent.and_then(|recent| lock(recent).pop(&event.event_id()));
        // The id alone is no proof: another account's store may be projected by the same process.
        match recent.filter(|change| change.position == event.position) {
            Some(change) => Ok(change),
            None => Ok(Arc::new(self.loader.adapters.read_event(event)?)),
        }
    }
}
