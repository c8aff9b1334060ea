//! What every [`StreamSections`] must do.

use std::sync::Arc;

use annals_domain::aggregate::Aggregate;
use annals_domain::identity::EntityKey;
use annals_domain::position::Version;

use super::samples::{key, stream};
use super::snapshot_store::snapshot;
use crate::ports::{EventStore, SectionRequest, SnapshotStore, StreamSection, StreamSections};

/// Makes a test of each rule for readers of sections.
#[macro_export]
macro_rules! stream_sections_contract {
    ($make:path) => {
        $crate::contract_tests!(
            $make,
            $crate::contract::stream_sections,
            [
                a_section_continues_from_the_state_before_it,
                a_section_needs_no_snapshot,
                a_snapshot_may_be_at_any_version,
                a_section_ends_after_the_event_that_reaches_its_bytes,
            ]
        );
    };
}

/// A reader of sections, and the stores from which it reads.
pub struct SectionStores {
    pub sections: Arc<dyn StreamSections>,
    pub store: Arc<dyn EventStore>,
    pub snapshots: Arc<dyn SnapshotStore>,
}

impl SectionStores {
    /// Stores a stream of that many events, and snapshots of it.
    async fn with(&self, key: &EntityKey, events: usize, snapshots: &[u64]) {
        for result in self.store.append(stream(key, events)).await {
            result.expect("the store appends");
        }
        let snapshots = snapshots.iter().map(|version| snapshot(key, *version)).collect();
        self.snapshots.put(snapshots).await.expect("the store writes");
    }

    /// Reads a section and checks that it has no gap and begins early enough.
    async fn read(&self, key: &EntityKey, from: u64, to: u64, max_bytes: usize) -> StreamSection {
        let request = SectionRequest { key, from: Version::new(from), to: Version::new(to), max_bytes };
        let section = self.sections.read(&request).await.expect("the stores read");
        let first = section.state.as_ref().map_or(Version::FIRST, |state| state.version().next());
        assert!(first <= request.from, "{from} to {to}: it begins with {first}");
        let versions: Vec<u64> = section.events.iter().map(|stored| stored.event.version.get()).collect();
        let dense: Vec<u64> = (first.get()..).take(versions.len()).collect();
        assert_eq!(versions, dense, "{from} to {to}");
        section
    }
}

fn ends(section: &StreamSection) -> (Option<u64>, Option<u64>) {
    let state = section.state.as_ref().map(|state| state.version().get());
    (state, section.events.last().map(|last| last.event.version.get()))
}

/// It ends at the last wanted event, or with the stream.
pub async fn a_section_continues_from_the_state_before_it(stores: &SectionStores) {
    let (a, b) = (key("a"), key("b"));
    stores.with(&a, 270, &[50, 100, 150, 200, 250]).await;
    stores.with(&b, 60, &[50]).await;
    for (from, to, state, last) in [
        (1, 50, None, 50),
        (30, 40, None, 40),
        (51, 100, Some(50), 100),
        (52, 52, Some(50), 52),
        (100, 149, Some(50), 149),
        (101, 101, Some(100), 101),
        (200, 270, Some(150), 270),
        (60, 270, Some(50), 270),
        (251, 999, Some(250), 270),
    ] {
        let section = stores.read(&a, from, to, usize::MAX).await;
        assert_eq!(ends(&section), (state, Some(last)), "{from} to {to}");
        let found = section.state.as_ref().map(Aggregate::key);
        assert_eq!(found, state.map(|_| &a), "{from} to {to}");
    }
    assert_eq!(ends(&stores.read(&b, 55, 99, usize::MAX).await), (Some(50), Some(60)));
    assert_eq!(stores.read(&key("c"), 1, 9, usize::MAX).await, StreamSection::default());
}

/// Without one, a section begins with the first event of the stream.
pub async fn a_section_needs_no_snapshot(stores: &SectionStores) {
    let a = key("a");
    stores.with(&a, 120, &[]).await;
    for (from, to) in [(1, 20), (60, 70), (110, 120)] {
        assert_eq!(ends(&stores.read(&a, from, to, usize::MAX).await), (None, Some(to)), "{from} to {to}");
    }
}

/// As an earlier release stored them. One may be missing, too.
pub async fn a_snapshot_may_be_at_any_version(stores: &SectionStores) {
    let a = key("a");
    stores.with(&a, 170, &[53, 107]).await;
    for (from, to, state) in [(54, 60, 53), (107, 108, 53), (108, 170, 107), (160, 170, 107)] {
        assert_eq!(ends(&stores.read(&a, from, to, usize::MAX).await), (Some(state), Some(to)), "{from} to {to}");
    }
}

/// The rest is read from the event store.
pub async fn a_section_ends_after_the_event_that_reaches_its_bytes(stores: &SectionStores) {
    let a = key("a");
    stores.with(&a, 70, &[50]).await;
    let data: usize = stream(&a, 70)[50..53].iter().map(|stored| stored.event.data.len()).sum();
    assert_eq!(ends(&stores.read(&a, 60, 70, data).await), (Some(50), Some(53)));
    assert_eq!(ends(&stores.read(&a, 60, 70, data + 1).await), (Some(50), Some(54)));
    assert_eq!(ends(&stores.read(&a, 60, 70, 1).await), (Some(50), Some(51)));
}
