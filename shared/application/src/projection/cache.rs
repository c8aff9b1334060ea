//! The states that batches left, for the next batch of the same records.
//!
//! Promises to hold about as many bytes as it may at the most, those used last, and that what a batch has
//! taken out comes back only if that batch puts it back. The bytes are an estimate.

use annals_domain::identity::EntityKey;
use lru::LruCache;

use super::bring_up::CachedState;

pub(super) struct StateCache {
    states: LruCache<EntityKey, (CachedState, usize)>,
    bytes: usize,
    most: usize,
}

impl StateCache {
    /// Of at most so many bytes.
    pub(super) fn new(most: usize) -> Self {
        Self { states: LruCache::unbounded(), bytes: 0, most }
    }

    pub(super) fn take(&mut self, key: &EntityKey) -> Option<CachedState> {
        let (cached, bytes) = self.states.pop(key)?;
        self.bytes -= bytes;
        Some(cached)
    }

    pub(super) fn put(&mut self, cached: CachedState) {
        // The entity says in another form what the state does.
        let forms = if cached.entity.is_some() { 2 } else { 1 };
        let bytes = forms * cached.aggregate.weight();
        self.put_of(bytes, cached);
    }

    fn put_of(&mut self, bytes: usize, cached: CachedState) {
        let key = cached.aggregate.key().clone();
        self.take(&key);
        self.bytes += bytes;
        self.states.put(key, (cached, bytes));
        while self.bytes > self.most
            && let Some((_, (_, bytes))) = self.states.pop_lru()
        {
            self.bytes -= bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use annals_domain::aggregate::Aggregate;
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
    fn the_states_used_longest_ago_make_place() {
        let mut cache = StateCache::new(100);
        for record in 0..4 {
            cache.put_of(30, state(record));
        }
        holds(&mut cache, &[1, 2, 3]);
        let used = cache.take(&key(1)).expect("it is there");
        cache.put_of(30, used);
        cache.put_of(60, state(4));
        holds(&mut cache, &[1, 4]);
    }

    #[test]
    fn a_state_counts_once_however_often_it_is_put() {
        let mut cache = StateCache::new(100);
        cache.put_of(40, state(1));
        cache.put_of(50, state(1));
        cache.put_of(50, state(2));
        holds(&mut cache, &[1, 2]);
        cache.put_of(101, state(3));
        holds(&mut cache, &[]);
    }
}
