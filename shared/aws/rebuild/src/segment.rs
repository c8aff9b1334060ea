//! One segment of the table into the new indices.
//!
//! Promises that the plan's mark of a segment moves only behind streams that are written.

use std::collections::BTreeMap;
use std::time::Duration;

use annals_application::ports::{Document, IndexOutcome, PortError, PortErrorKind};
use annals_application::projection::{ProjectionFailure, RebuildReport as Streams, StreamRebuilder};
use annals_aws_event_store::{DynamoEventStore, ScanKey};
use annals_aws_read_model::IndexAdmin;
use annals_domain::definition::Catalog;
use annals_domain::dialect::Dialects;
use annals_domain::identity::EntityKey;
use tokio::sync::Mutex;

use crate::fold::{Finished, Fold, StreamResult};
use crate::plan::{Counts, Plan};

/// How many documents are written in one call: past 500 a larger call gains little.
const DOCUMENTS: usize = 500;
/// How often a call that an outage failed is made again, and the first wait before it.
const TRIES: u32 = 6;
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// What a segment's walk works with.
pub(crate) struct SegmentWalk<'a> {
    pub(crate) number: u32,
    pub(crate) events: &'a DynamoEventStore,
    pub(crate) streams: &'a StreamRebuilder,
    pub(crate) indices: &'a IndexAdmin,
    pub(crate) catalog: &'a Catalog,
    pub(crate) dialects: &'a Dialects,
    /// The plan as it was at the start: what is wanted, and how many segments there are.
    pub(crate) plan: &'a Plan,
    /// The plan as it is now.
    pub(crate) shared: &'a Mutex<Plan>,
}

/// What is to be written, and what will have been done once it is.
#[derive(Default)]
struct Pending {
    documents: BTreeMap<String, Vec<(EntityKey, Document)>>,
    count: usize,
    done: Counts,
    failed: Vec<(String, String)>,
    behind: Option<ScanKey>,
}

impl SegmentWalk<'_> {
    /// Walks to the segment's end.
    pub(crate) async fn run(&self) -> Result<(), PortError> {
        let segment = usize::try_from(self.number).unwrap_or(usize::MAX);
        let state = self.plan.segments.get(segment).cloned().unwrap_or_default();
        if state.is_done {
            return Ok(());
        }
        let total = u32::try_from(self.plan.segments.len()).unwrap_or(u32::MAX);
        let mut fold = Fold::new(self.catalog, self.dialects, self.plan);
        let mut pending = Pending::default();
        // Streams with an item that is no event: most are met with their others, some have no other.
        let mut unmet: BTreeMap<String, String> = BTreeMap::new();
        let mut start = state.behind;
        loop {
            let mut outages = Outages::default();
            let page = loop {
                match self.events.scan_page(self.number, total, start.clone()).await {
                    Ok(page) => break page,
                    Err(error) => outages.wait_out(error).await?,
                }
            };
            for item in &page.undecodable {
                fold.skip(&item.key);
                unmet.insert(item.key.entity_key.clone(), item.reason.clone());
            }
            for stored in &page.events {
                pending.done.events += 1;
                if let Some(finished) = fold.push(stored) {
                    unmet.remove(&finished.last.entity_key);
                    self.finished(finished, &mut pending).await?;
                }
                if pending.count >= DOCUMENTS {
                    self.write(std::mem::take(&mut pending), false).await?;
                }
            }
            match page.next {
                Some(next) => start = Some(next),
                None => break,
            }
        }
        if let Some(finished) = fold.end() {
            unmet.remove(&finished.last.entity_key);
            self.finished(finished, &mut pending).await?;
        }
        pending.failed.extend(unmet);
        self.write(pending, true).await
    }

    async fn finished(&self, finished: Finished, pending: &mut Pending) -> Result<(), PortError> {
        pending.done.streams += 1;
        pending.behind = Some(finished.last);
        match finished.result {
            StreamResult::Document(key, document) => self.put(pending, key, *document),
            StreamResult::AwaitsBase => pending.done.awaiting_base += 1,
            StreamResult::NotWanted => {}
            StreamResult::Unreadable(key, reason) => pending.failed.push((key.to_string(), reason)),
            StreamResult::NotWhole(key) => self.read_whole(key, pending).await?,
        }
        Ok(())
    }

    /// Reads a stream by itself that the scan did not give whole.
    async fn read_whole(&self, key: EntityKey, pending: &mut Pending) -> Result<(), PortError> {
        let mut report = Streams::default();
        match self.streams.document(&key, &mut report).await {
            Ok(Some(document)) => self.put(pending, key, document),
            Ok(None) => pending.done.awaiting_base += 1,
            Err(ProjectionFailure::Outage(error)) if error.kind == PortErrorKind::Corrupt => {
                pending.failed.push((key.to_string(), error.to_string()));
            }
            Err(ProjectionFailure::Outage(error)) => return Err(error),
            Err(ProjectionFailure::Poison(reason)) => pending.failed.push((key.to_string(), reason)),
        }
        Ok(())
    }

    fn put(&self, pending: &mut Pending, key: EntityKey, document: Document) {
        let Some(target) = self.plan.target(document.shape.aggregate_type().as_str()) else { return };
        pending.count += 1;
        pending.documents.entry(target.to.clone()).or_default().push((key, document));
    }

    async fn write(&self, mut pending: Pending, is_end: bool) -> Result<(), PortError> {
        for (index, documents) in std::mem::take(&mut pending.documents) {
            let (keys, documents): (Vec<EntityKey>, Vec<Document>) = documents.into_iter().unzip();
            let mut outages = Outages::default();
            let outcomes = loop {
                match self.indices.index_into(&index, &documents).await {
                    Ok(outcomes) => break outcomes,
                    Err(error) => outages.wait_out(error).await?,
                }
            };
            for (key, outcome) in keys.into_iter().zip(outcomes) {
                match outcome {
                    IndexOutcome::Indexed | IndexOutcome::AlreadyNewer => pending.done.indexed += 1,
                    IndexOutcome::Refused(reason) => pending.failed.push((key.to_string(), reason)),
                }
            }
        }
        let mut plan = self.shared.lock().await;
        plan.add(pending.done, pending.failed);
        if let Some(segment) = plan.segments.get_mut(usize::try_from(self.number).unwrap_or(usize::MAX)) {
            segment.behind = pending.behind.or(segment.behind.take());
            segment.is_done = is_end;
        }
        Ok(())
    }
}

/// The outages that one call has met.
#[derive(Default)]
struct Outages(u32);

impl Outages {
    /// Waits, longer each time, so that the call may be made again; gives the error back where that
    /// is no use, or was tried often enough.
    async fn wait_out(&mut self, error: PortError) -> Result<(), PortError> {
        self.0 += 1;
        if self.0 >= TRIES || !error.is_retryable() {
            return Err(error);
        }
        tracing::warn!(error = %annals_application::log_chain(&error), "the rebuild waits");
        tokio::time::sleep(FIRST_WAIT * (1 << self.0)).await;
        Ok(())
    }
}
