//! The states of recently projected records, for the next batch of the same records.
//!
//! The cache holds about as many bytes as it may, those used last; the bytes are an estimate. A batch
//! takes a state out and puts it back only after its projections succeeded.

use std::sync::Arc;

use annals_domain::aggregate::Aggregate;
use annals_domain::entity::Entity;
use annals_domain::identity::EntityKey;
use lru::LruCache;

/// A record's state after a batch.
#[derive(Debug)]
pub(super) struct CachedState {
    pub(super) aggregate: Aggregate,
    /// `None` while the record waits for its base.
    pub(super) entity: Option<Arc<Entity>>,
}

pub(super) struct StateCache {
    states: LruCache<EntityKey, (CachedState, usize)>,
    bytes: usize,
    max_bytes: usize,
}

impl StateCache {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self { states: LruCache::unbounded(), bytes: 0, max_bytes }
    }

    /// Removes a record's state from the cache and returns it.
    pub(super) fn take(&mut self, key: &EntityKey) -> Option<CachedState> {
        let (cached, bytes) = self.states.pop(key)?;
        self.bytes -= bytes;
        Some(cached)
    }

    /// Stores a record's state, in place of an older one.
    pub(super) fn put(&mut self, cached: CachedState) {
        let bytes = cached.aggregate.weight() + cached.entity.as_ref().map_or(0, |entity| entity.weight());
        self.put_sized(bytes, cached);
    }

    fn put_sized(&mut self, bytes: usize, cached: CachedState) {
        let key = cached.aggregate.key().clone();
        self.take(&key);
        self.bytes += bytes;
        self.states.put(key, (cached, bytes));
        while self.bytes > self.max_bytes
            && let Some((_, (_, bytes))) = self.states.pop_lru()
        {
            self.bytes -= bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use annals_domain::identity::{AggregateId, EntityName, ExternalId, Provider, ProviderAccount};

    use super::*;

    fn key(record: usize) -> EntityKey {
        let (entity_name, id) = (EntityName::new("Account"), ExternalId::new(record.to_string()));
        let aggregate_id = AggregateId::of(Provider::Salesforce, &ProviderAccount::unset(), &entity_name, &id);
        EntityKey { entity_name, aggregate_id }
    }

    fn state(record: usize) -> CachedState {
        let aggregate = Aggregate::new(key(record), Provider::Salesforce, ExternalId::new(record.to_string()));
        CachedState { aggregate, entity: None }
    }

    #[track_caller]
    fn holds(cache: &mut StateCache, records: &[usize]) {
        let found: Vec<usize> = (0..10).filter(|record| cache.states.contains(&key(*record))).collect();
        assert_eq!(found, records);
        assert_eq!(cache.bytes, cache.states.iter().map(|(_, (_, bytes))| *bytes).sum::<usize>());
    }

    #[test]
    fn the_least_recently_used_states_are_evicted() {
        let mut cache = StateCache::new(100);
        for record in 0..4 {
            cache.put_sized(30, state(record));
        }
        holds(&mut cache, &[1, 2, 3]);
        let used = cache.take(&key(1)).expect("it is cached");
        cache.put_sized(30, used);
        cache.put_sized(60, state(4));
        holds(&mut cache, &[1, 4]);
    }

    #[test]
    fn a_state_counts_once_however_often_it_is_put() {
        let mut cache = StateCache::new(100);
        cache.put_sized(40, state(1));
        cache.put_sized(50, state(1));
        cache.put_sized(50, state(2));
        holds(&mut cache, &[1, 2]);
        cache.put_sized(101, state(3));
        holds(&mut cache, &[]);
    }
}
