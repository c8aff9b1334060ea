//! Searching a stream for changes that are not newer than its head, in a number of reads that grows with the logarithm
//! of its length.
//!
//! An event in order is listed by the last head that is not after its timestamp. Heads have rising timestamps, so that
//! head is found by halving, page by page. Other events are found by the index.

use std::collections::{BTreeMap, HashMap, HashSet};

use annals_application::ports::{DuplicateSearch, PortError, PortErrorKind};
use annals_domain::identity::EntityKey;
use annals_domain::position::{Position, Rank, Version};
use annals_domain::stream_head::{Admission, StreamHead};
use annals_domain::timestamp::Timestamp;
use futures::{StreamExt, TryStreamExt, stream};

use super::item::Outline;
use super::late_index::LateKey;
use crate::event_store::{CONCURRENT_REQUESTS, DynamoEventStore};

/// The heads read at once when one change is searched for, and when many are.
const SMALLEST_PAGE: u64 = 16;
const LARGEST_PAGE: u64 = 256;

/// The index is read as a range instead of change by change if a page stands for at least this many changes.
const CHANGES_PER_INDEX_PAGE: usize = 8;

/// The keys read for one change: it, the changes of its timestamp with a higher id, and the images.
const KEYS_OF_A_CHANGE: i32 = 16;

impl DynamoEventStore {
    pub(crate) async fn search_all(&self, searches: &[DuplicateSearch]) -> Result<Vec<Admission>, PortError> {
        let mut streams: HashMap<&EntityKey, Vec<usize>> = HashMap::new();
        for (index, search) in searches.iter().enumerate() {
            streams.entry(&search.key).or_default().push(index);
        }
        let streams: Vec<Vec<usize>> = streams.into_values().collect();
        let found = (0..streams.len()).map(|index| self.search_stream(searches, &streams[index]));
        let found: Vec<Vec<Admission>> = stream::iter(found).buffered(CONCURRENT_REQUESTS).try_collect().await?;
        let mut admissions = vec![Admission::Duplicate; searches.len()];
        for (index, admission) in streams.into_iter().flatten().zip(found.into_iter().flatten()) {
            admissions[index] = admission;
        }
        Ok(admissions)
    }

    /// The admissions of those searches, which are of one stream.
    async fn search_stream(
        &self,
        searches: &[DuplicateSearch],
        indices: &[usize],
    ) -> Result<Vec<Admission>, PortError> {
        let Some(newest) = indices.iter().map(|index| &searches[*index]).max_by_key(|search| search.head.version)
        else {
            return Ok(Vec::new());
        };
        let positions: Vec<Position> = indices.iter().map(|index| searches[*index].position).collect();
        if !self.has_late_index(&newest.key).await? {
            return self.walk_back(&newest.key, newest.head.version, &positions).await;
        }
        let mut heads = HeadSearch::new(self, &newest.key, &newest.head, positions.len());
        let mut admissions = heads.admissions(&positions).await?;
        if newest.head.has_unlisted {
            self.search_index(&newest.key, &positions, &mut admissions).await?;
        }
        Ok(admissions)
    }

    /// Corrects the admissions by what the index has.
    async fn search_index(
        &self,
        key: &EntityKey,
        positions: &[Position],
        admissions: &mut [Admission],
    ) -> Result<(), PortError> {
        let mut open: Vec<usize> =
            (0..positions.len()).filter(|index| admissions[*index] != Admission::Duplicate).collect();
        open.sort_by_key(|index| LateKey::of(&positions[*index]));
        let sorted: Vec<Position> = open.iter().map(|index| positions[*index]).collect();
        let range = self.late_range(key, &sorted).await?;
        let singly = (range.covered..sorted.len()).map(|index| self.search_index_for(key, &sorted[index]));
        let singly: Vec<(bool, bool)> = stream::iter(singly).buffered(CONCURRENT_REQUESTS).try_collect().await?;
        let in_range = sorted[..range.covered].iter().map(|position| range.find(position));
        for (index, (is_stored, at_image)) in open.into_iter().zip(in_range.chain(singly)) {
            admissions[index] = merged(admissions[index], is_stored, at_image);
        }
        Ok(())
    }

    /// Reads the index from the first of these positions on, as long as that is cheaper than a read for each.
    async fn late_range(&self, key: &EntityKey, sorted: &[Position]) -> Result<LateRange, PortError> {
        let mut range = LateRange::default();
        for _ in 0..sorted.len() / CHANGES_PER_INDEX_PAGE {
            let (Some(first), Some(last)) = (sorted.get(range.covered), sorted.last()) else { break };
            let (from, to) = (LateKey::first_at(first.timestamp), LateKey::last_at(last.timestamp));
            let page = self.late_keys(key, from, to, None).await?;
            // A page may end between the keys of one timestamp.
            let end = page.keys.last().filter(|_| !page.is_complete).map(|key| key.timestamp);
            let covered = sorted.partition_point(|position| end.is_none_or(|end| position.timestamp < end));
            range.add(page.keys);
            if covered <= range.covered {
                break;
            }
            range.covered = covered;
        }
        Ok(range)
    }

    /// Whether the index has the change, and an image of its timestamp.
    async fn search_index_for(&self, key: &EntityKey, position: &Position) -> Result<(bool, bool), PortError> {
        let sought = LateKey::of(position);
        let to = LateKey::last_at(position.timestamp);
        let page = self.late_keys(key, sought, to, Some(KEYS_OF_A_CHANGE)).await?;
        if page.keys.first() == Some(&sought) {
            return Ok((true, false));
        }
        if page.is_complete || position.rank != Rank::Change || page.keys.last().is_some_and(|key| key.is_image) {
            return Ok((false, page.keys.last().is_some_and(|key| key.is_image)));
        }
        let images = LateKey::first_image_at(position.timestamp);
        Ok((false, !self.late_keys(key, images, to, Some(1)).await?.keys.is_empty()))
    }
}

/// A part of the index.
#[derive(Default)]
struct LateRange {
    keys: HashSet<LateKey>,
    /// The timestamps of images.
    images: HashSet<Timestamp>,
    /// How many of the positions sought are in this part.
    covered: usize,
}

impl LateRange {
    fn add(&mut self, keys: Vec<LateKey>) {
        self.images.extend(keys.iter().filter(|key| key.is_image).map(|key| key.timestamp));
        self.keys.extend(keys);
    }

    /// Whether the change is there, and an image of its timestamp.
    fn find(&self, position: &Position) -> (bool, bool) {
        (self.keys.contains(&LateKey::of(position)), self.images.contains(&position.timestamp))
    }
}

fn merged(by_heads: Admission, is_stored: bool, at_image: bool) -> Admission {
    match by_heads {
        Admission::New { at_image: before } if !is_stored => Admission::New { at_image: before || at_image },
        _ => Admission::Duplicate,
    }
}

/// Finds heads by their highest timestamp.
struct HeadSearch<'a> {
    store: &'a DynamoEventStore,
    key: &'a EntityKey,
    /// The heads read so far. By timestamp they have the same order as by version.
    known: BTreeMap<(Timestamp, Version), StreamHead>,
    page: u64,
}

impl<'a> HeadSearch<'a> {
    fn new(store: &'a DynamoEventStore, key: &'a EntityKey, newest: &StreamHead, changes: usize) -> Self {
        let known = BTreeMap::from([((newest.highest(), newest.version), newest.clone())]);
        let page = u64::try_from(changes).unwrap_or(LARGEST_PAGE).clamp(SMALLEST_PAGE, LARGEST_PAGE);
        Self { store, key, known, page }
    }

    async fn admissions(&mut self, positions: &[Position]) -> Result<Vec<Admission>, PortError> {
        let mut admissions = Vec::with_capacity(positions.len());
        for position in positions {
            admissions.push(match self.last_not_after(position.timestamp).await? {
                Some(head) if head.lists(position) => Admission::Duplicate,
                Some(head) => Admission::New { at_image: head.has_image_at(position.timestamp) },
                None => Admission::New { at_image: false },
            });
        }
        Ok(admissions)
    }

    /// The newest head whose highest timestamp is not after `timestamp`; `None`: all are.
    async fn last_not_after(&mut self, timestamp: Timestamp) -> Result<Option<StreamHead>, PortError> {
        loop {
            let bound = (timestamp, Version::new(u64::MAX));
            let below = self.known.range(..=bound).next_back().map(|((_, version), head)| (version.get(), head));
            let above = self.known.range(bound..).next().map(|((_, version), _)| version.get());
            let (lower, head) = below.map_or((0, None), |(version, head)| (version, Some(head)));
            let Some(upper) = above.filter(|upper| upper - lower > 1) else { return Ok(head.cloned()) };
            let (from, to) = self.next_page(lower, upper);
            let outlines = self.store.read_outlines(self.key, Version::new(from), Version::new(to)).await?;
            if outlines.is_empty() {
                let what = format!("version {from} of `{}` is missing", self.key);
                return Err(PortError::new(PortErrorKind::Corrupt, self.store.table(), what));
            }
            self.known.extend(outlines.into_iter().map(|Outline { head, .. }| ((head.highest(), head.version), head)));
        }
    }

    /// The versions to read next, between these two: first the newest, since most repeated events are; then the middle.
    fn next_page(&self, lower: u64, upper: u64) -> (u64, u64) {
        let (first, last) = (lower + 1, upper - 1);
        let from = match self.known.len() {
            1 => upper.saturating_sub(self.page),
            _ => (first + (last - first) / 2).saturating_sub(self.page / 2),
        };
        let from = from.max(first);
        (from, last.min(from + self.page - 1))
    }
}
