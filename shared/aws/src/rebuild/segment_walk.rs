//! Scans one segment of the events table and writes its documents to the new indices.
//!
//! The progress of the segment in the plan moves only past streams that are written.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use annals_application::backoff::{Backoff, RetryPolicy, retry};
use annals_application::ports::{Document, IndexOutcome, PortError, PortErrorKind};
use annals_application::projection::{ProjectionFailure, StreamRebuildReport, StreamRebuilder};
use annals_domain::identity::{EntityKey, EntityName, Provider};
use tokio::sync::Mutex;

use crate::event_store::ScanKey;
use crate::rebuild::plan::{FailedRecord, RebuildCounts, RebuildPlan};
use crate::rebuild::segment_fold::{FoldedStream, SegmentFold, StreamResult};
use crate::rebuild::settings::RebuildPorts;

/// The number of documents in one write: more than 500 gain little.
const BATCH: usize = 500;

/// A call is repeated for five minutes. A longer outage ends the run, and the next run continues.
const OUTAGE: RetryPolicy = RetryPolicy {
    attempts: u32::MAX,
    time_limit: Duration::from_secs(300),
    backoff: Backoff::doubling(Duration::from_millis(200), Duration::from_secs(10)),
};

pub(super) struct SegmentWalk {
    /// The number of the segment, from 0.
    number: u32,
    ports: RebuildPorts,
    streams: StreamRebuilder,
    plan: Arc<RebuildPlan>,
    shared: Arc<Mutex<RebuildPlan>>,
    max_pending_bytes: usize,
}

/// Documents that are not written yet, and the progress once they are.
#[derive(Default)]
struct PendingWrites {
    /// By the index that they go to.
    documents: BTreeMap<String, Vec<(EntityKey, Document)>>,
    count: usize,
    bytes: usize,
    counts: RebuildCounts,
    failed: Vec<FailedRecord>,
    objects: BTreeSet<(Provider, EntityName)>,
    written_through: Option<ScanKey>,
}

impl PendingWrites {
    fn is_full(&self, max_bytes: usize) -> bool {
        self.count >= BATCH || (self.written_through.is_some() && self.bytes >= max_bytes)
    }

    fn add_failed(&mut self, key: impl ToString, reason: impl ToString) {
        self.failed.push(FailedRecord { entity_key: key.to_string(), reason: reason.to_string() });
    }
}

impl SegmentWalk {
    pub(super) fn new(
        number: u32,
        ports: RebuildPorts,
        plan: Arc<RebuildPlan>,
        shared: Arc<Mutex<RebuildPlan>>,
        max_pending_bytes: usize,
    ) -> Self {
        let events = Arc::new(ports.events.clone());
        let streams = StreamRebuilder::new(events, Arc::clone(&ports.catalog), ports.adapters.clone());
        Self { number, ports, streams, plan, shared, max_pending_bytes }
    }

    /// Scans from the last checkpoint to the end of the segment.
    pub(super) async fn run(&self) -> Result<(), PortError> {
        let segment = usize::try_from(self.number).unwrap_or(usize::MAX);
        let progress = self.plan.segments.get(segment).cloned().unwrap_or_default();
        if progress.is_done {
            return Ok(());
        }
        let total = u32::try_from(self.plan.segments.len()).unwrap_or(u32::MAX);
        let mut fold = SegmentFold::new(&self.ports.catalog, &self.ports.adapters, &self.plan);
        let mut pending = PendingWrites::default();
        let mut start = progress.written_through;
        loop {
            let page = self.retry("scan", || self.ports.events.scan_page(self.number, total, start.clone())).await?;
            for item in page.items {
                pending.counts.events += 1;
                pending.bytes += item.as_ref().map_or(0, |scanned| scanned.input.data.len());
                if let Some(stream) = fold.push(item) {
                    self.add(stream, &mut pending).await?;
                }
                if pending.is_full(self.max_pending_bytes) {
                    self.write(std::mem::take(&mut pending), false).await?;
                }
            }
            match page.next {
                Some(next) => start = Some(next),
                None => break,
            }
        }
        if let Some(stream) = fold.end() {
            self.add(stream, &mut pending).await?;
        }
        self.write(pending, true).await
    }

    async fn add(&self, stream: FoldedStream, pending: &mut PendingWrites) -> Result<(), PortError> {
        let FoldedStream { last, object, result } = stream;
        pending.counts.streams += 1;
        pending.objects.extend(object);
        match result {
            StreamResult::Document(key, document) => self.add_document(pending, key, *document),
            StreamResult::AwaitsBase => pending.counts.awaiting_base += 1,
            StreamResult::Skipped => {}
            StreamResult::Unreadable(reason) => pending.add_failed(&last.entity_key, reason),
            StreamResult::Incomplete(key) => self.read_stream(key, pending).await?,
        }
        pending.written_through = Some(last);
        Ok(())
    }

    /// Reads a stream by itself whose events were not all in the scan.
    async fn read_stream(&self, key: EntityKey, pending: &mut PendingWrites) -> Result<(), PortError> {
        let mut report = StreamRebuildReport::default();
        match self.streams.document(&key, &mut report).await {
            Ok(Some(document)) => self.add_document(pending, key, document),
            Ok(None) => pending.counts.awaiting_base += 1,
            Err(ProjectionFailure::Outage(error)) if error.kind == PortErrorKind::Corrupt => {
                pending.add_failed(key, error);
            }
            Err(ProjectionFailure::Outage(error)) => return Err(error),
            Err(ProjectionFailure::Poison(reason)) => pending.add_failed(key, reason),
        }
        Ok(())
    }

    fn add_document(&self, pending: &mut PendingWrites, key: EntityKey, document: Document) {
        let Some(target) = self.plan.target(document.schema.aggregate_type().as_str()) else { return };
        pending.count += 1;
        pending.documents.entry(target.to.clone()).or_default().push((key, document));
    }

    /// Writes what is pending, then moves the progress of the segment.
    async fn write(&self, mut pending: PendingWrites, is_done: bool) -> Result<(), PortError> {
        let writer = self.ports.search.writer();
        for (index, documents) in std::mem::take(&mut pending.documents) {
            let (keys, documents): (Vec<EntityKey>, Vec<Document>) = documents.into_iter().unzip();
            let outcomes = self.retry("write documents", || writer.write_into(&index, &documents)).await?;
            for (key, outcome) in keys.into_iter().zip(outcomes) {
                match outcome {
                    IndexOutcome::Indexed | IndexOutcome::AlreadyNewer => pending.counts.indexed += 1,
                    IndexOutcome::Refused(reason) => pending.add_failed(key, reason),
                }
            }
        }
        pending.counts.missed = self.count_missed(&pending.failed).await?;
        let mut plan = self.shared.lock().await;
        plan.add(pending.counts, pending.failed);
        plan.objects.append(&mut pending.objects);
        if let Some(segment) = plan.segments.get_mut(usize::try_from(self.number).unwrap_or(usize::MAX)) {
            segment.written_through = pending.written_through.or(segment.written_through.take());
            segment.is_done = is_done;
        }
        Ok(())
    }

    /// Counts those failed records that readers find now in the index of their type, and would miss after the swap.
    async fn count_missed(&self, failed: &[FailedRecord]) -> Result<u64, PortError> {
        let catalog = &self.ports.catalog;
        let keys: Vec<EntityKey> = failed.iter().filter_map(|failed| failed.entity_key.parse().ok()).collect();
        let mut found = HashSet::new();
        for target in &self.plan.targets {
            let schema = target.schema(catalog);
            let is_its = |key: &&EntityKey| target.may_hold(&key.entity_name, catalog);
            let keys: Vec<EntityKey> = keys.iter().filter(is_its).cloned().collect();
            for keys in keys.chunks(BATCH) {
                let searcher = self.ports.search.searcher();
                found.extend(self.retry("read documents", || searcher.existing(&schema, keys)).await?);
            }
        }
        Ok(found.len() as u64)
    }

    async fn retry<T, F>(&self, action: &'static str, call: impl Fn() -> F) -> Result<T, PortError>
    where
        F: Future<Output = Result<T, PortError>>,
    {
        retry(&OUTAGE, &*self.ports.ids, action, call).await
    }
}
