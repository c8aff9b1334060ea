//! What a process remembers between calls: copies only, so losing them costs reads and nothing else.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use annals_domain::change::Change;
use annals_domain::identity::EntityKey;
use annals_domain::position::EventId;
use annals_domain::stream_head::StreamHead;
use lru::LruCache;

/// Changes just stored, by event: a projection in the same process need not parse them again.
pub type RecentChanges = Mutex<LruCache<EventId, Arc<Change>>>;

pub(super) struct WarmHeads(Mutex<LruCache<EntityKey, StreamHead>>);

impl WarmHeads {
    pub(super) fn new(capacity: NonZeroUsize) -> Self {
        Self(Mutex::new(LruCache::new(capacity)))
    }

    pub(super) fn get(&self, key: &EntityKey) -> Option<StreamHead> {
        lock(&self.0).get(key).cloned()
    }

    /// Keeps the head, or forgets it if it is `None`.
    pub(super) fn set(&self, key: &EntityKey, head: Option<&StreamHead>) {
        let mut heads = lock(&self.0);
        match head {
            Some(head) => heads.put(key.clone(), head.clone()),
            None => heads.pop(key),
        };
    }
}

/// Locks a cache. A panic elsewhere leaves it usable: it holds copies only.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
