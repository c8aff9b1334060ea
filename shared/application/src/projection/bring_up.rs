//! Bringing one record's state up to a batch's highest version.
//!
//! Promises no read where the cached state stands just below the batch, or the batch starts at the
//! first version; else one snapshot and the tail behind it. The result is the same either way.

use std::collections::BTreeMap;
use std::sync::Arc;

use annals_domain::aggregate::Aggregate;
use annals_domain::definition::Catalog;
use annals_domain::dialect::{Dialect, Dialects};
use annals_domain::entity::Entity;
use annals_domain::event::DomainEvent;
use annals_domain::identity::EntityKey;
use annals_domain::mapping;
use annals_domain::position::Version;

use super::{Progress, ProjectionFailure, ReadEvent, shown};
use crate::commands::{RecentChanges, lock};
use crate::ports::{EventStore, PortError, PortErrorKind, ReadOptions, StateStore};

/// How many events the tail is read by.
const TAIL_PAGE: usize = 500;

/// A record's state as the last batch left it.
#[derive(Debug)]
pub(super) struct Cached {
    pub(super) aggregate: Aggregate,
    pub(super) entity: Option<Arc<Entity>>,
}

/// What bringing up needs.
pub(super) struct BringUp<'a> {
    pub(super) store: &'a dyn EventStore,
    pub(super) state: &'a dyn StateStore,
    pub(super) catalog: &'a Catalog,
    pub(super) dialects: &'a Dialects,
    pub(super) recent: Option<&'a RecentChanges>,
}

impl BringUp<'_> {
    /// Brings a record up to the highest version in `batch`, which is not empty.
    pub(super) async fn run(
        &self,
        key: &EntityKey,
        batch: BTreeMap<Version, Arc<DomainEvent>>,
        cached: Option<Cached>,
    ) -> Result<Progress, ProjectionFailure> {
        let (Some(lowest), Some(highest)) = (batch.keys().next().copied(), batch.keys().last().copied()) else {
            return Err(ProjectionFailure::Poison("no event to project".to_owned()));
        };
        let Some(first) = batch.get(&lowest).map(Arc::clone) else {
            return Err(ProjectionFailure::Poison("no event to project".to_owned()));
        };
        let dialect = self.dialect(&first)?;
        let below = self.state_below(key, lowest, &first, cached, dialect).await?;
        let events = self.complete(key, lowest, highest, batch).await?;
        let shape = self.catalog.shape(first.metadata.provider, &first.entity_name);
        let Cached { mut aggregate, entity: before } = below;
        let standing = aggregate.standing();
        for read in &events {
            aggregate.apply(read.event.version, &read.change);
        }
        let changes = events.iter().map(|read| &*read.change);
        let entity = Arc::new(mapping::map_again(before.as_deref(), changes, &aggregate, &shape, dialect));
        Ok(Progress { shape, before, standing, after: aggregate, entity, events })
    }

    fn dialect(&self, event: &DomainEvent) -> Result<&dyn Dialect, ProjectionFailure> {
        let provider = event.metadata.provider;
        let dialect = self.dialects.get(provider).map(|dialect| &**dialect);
        dialect.ok_or_else(|| ProjectionFailure::Poison(format!("this installation reads no {provider} events")))
    }

    /// The state just below `lowest`.
    async fn state_below(
        &self,
        key: &EntityKey,
        lowest: Version,
        first: &DomainEvent,
        cached: Option<Cached>,
        dialect: &dyn Dialect,
    ) -> Result<Cached, ProjectionFailure> {
        let below = lowest.previous();
        if let Some(cached) = cached.filter(|cached| cached.aggregate.version() == below) {
            return Ok(cached);
        }
        let fresh = || Aggregate::new(key.clone(), first.metadata.provider, first.metadata.external_id.clone());
        if lowest == Version::FIRST {
            return Ok(Cached { aggregate: fresh(), entity: None });
        }
        let aggregate = self.load(key, below, fresh()).await?;
        let shape = self.catalog.shape(first.metadata.provider, &first.entity_name);
        let entity = shown(&aggregate, &shape, dialect).map(Arc::new);
        Ok(Cached { aggregate, entity })
    }

    /// The state at `version`: the newest snapshot not above it, and the tail behind that.
    async fn load(&self, key: &EntityKey, version: Version, fresh: Aggregate) -> Result<Aggregate, ProjectionFailure> {
        let mut aggregate = self.state.snapshot(key, version).await?.unwrap_or(fresh);
        while aggregate.version() < version {
            let options =
                ReadOptions { to_version: Some(version), ..ReadOptions::from(aggregate.version().next(), TAIL_PAGE) };
            let page = self.store.read(key, &options).await.map_err(of_one_stream)?;
            if page.is_empty() {
                return Err(ProjectionFailure::Poison(format!("version {} is not in the store", options.from_version)));
            }
            for stored in &page {
                let change = self.read_event(&stored.event)?;
                aggregate.apply(stored.event.version, &change);
            }
        }
        Ok(aggregate)
    }

    /// The events from `lowest` to `highest`, those that the batch leaves out read from the store.
    async fn complete(
        &self,
        key: &EntityKey,
        lowest: Version,
        highest: Version,
        mut batch: BTreeMap<Version, Arc<DomainEvent>>,
    ) -> Result<Vec<ReadEvent>, ProjectionFailure> {
        let mut next = lowest;
        while next <= highest && (batch.len() as u64) <= highest.get() - lowest.get() {
            let options = ReadOptions { to_version: Some(highest), ..ReadOptions::from(next, TAIL_PAGE) };
            let page = self.store.read(key, &options).await.map_err(of_one_stream)?;
            let Some(last) = page.last() else {
                return Err(ProjectionFailure::Poison(format!("version {next} is not in the store")));
            };
            next = last.event.version.next();
            batch.extend(page.into_iter().map(|stored| (stored.event.version, stored.event)));
        }
        let read = |event: Arc<DomainEvent>| Ok(ReadEvent { change: self.read_event(&event)?, event });
        batch.into_values().map(read).collect()
    }

    fn read_event(&self, event: &DomainEvent) -> Result<Arc<annals_domain::change::Change>, ProjectionFailure> {
        let recent = self.recent.and_then(|recent| lock(recent).pop(&event.event_id()));
        // The id alone is no proof: another account's store may be projected by the same process.
        match recent.filter(|change| change.position == event.position) {
            Some(change) => Ok(change),
            None => {
                let change = self.dialects.read_event(event);
                change.map(Arc::new).map_err(|error| ProjectionFailure::Poison(error.to_string()))
            }
        }
    }
}

/// A stream that cannot be read as stored is its record's own fault, not an outage.
fn of_one_stream(error: PortError) -> ProjectionFailure {
    match error.kind {
        PortErrorKind::Corrupt => ProjectionFailure::Poison(error.to_string()),
        _ => error.into(),
    }
}
