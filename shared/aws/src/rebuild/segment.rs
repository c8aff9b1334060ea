//! One segment of the table into the new indices.
//!
//! Promises that the plan's mark of a segment moves only behind streams that are written.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::event_store::{DynamoEventStore, ScanKey};
use crate::read_model::IndexAdmin;
use annals_application::ports::{Document, IndexOutcome, PortError, PortErrorKind};
use annals_application::projection::{ProjectionFailure, StreamRebuildReport, StreamRebuilder};
use annals_domain::definition::Catalog;
use annals_domain::identity::{EntityKey, EntityName, Provider};
use annals_domain::provider_adapter::ProviderAdapters;
use tokio::sync::Mutex;

use crate::rebuild::fold::{Finished, Fold, StreamResult};
use crate::rebuild::patience::patiently;
use crate::rebuild::plan::{FailedRecord, RebuildCounts, RebuildPlan};

/// How many documents are written in one call: past 500 a larger call gains little.
const DOCUMENTS: usize = 500;

/// What a segment's walk works with.
pub(crate) struct SegmentWalk<'a> {
    pub(crate) number: u32,
    pub(crate) events: &'a DynamoEventStore,
    pub(crate) streams: &'a StreamRebuilder,
    pub(crate) indices: &'a IndexAdmin,
    pub(crate) catalog: &'a Catalog,
    pub(crate) adapters: &'a ProviderAdapters,
    /// The plan as it was at the start: what is wanted, and how many segments there are.
    pub(crate) plan: &'a RebuildPlan,
    /// As the settings have it.
    pub(crate) max_pending_bytes: usize,
    /// The plan as it is now.
    pub(crate) shared: &'a Mutex<RebuildPlan>,
}

/// What is to be written, and what will have been done once it is.
#[derive(Default)]
struct Pending {
    documents: BTreeMap<String, Vec<(EntityKey, Document)>>,
    count: usize,
    bytes: usize,
    done: RebuildCounts,
    failed: Vec<FailedRecord>,
    met: BTreeSet<(Provider, EntityName)>,
    written_through: Option<ScanKey>,
}

impl Pending {
    fn is_full(&self, max_pending_bytes: usize) -> bool {
        self.count >= DOCUMENTS || (self.written_through.is_some() && self.bytes >= max_pending_bytes)
    }

    fn fail(&mut self, key: impl ToString, reason: impl ToString) {
        self.failed.push(FailedRecord { entity_key: key.to_string(), reason: reason.to_string() });
    }
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
        let mut fold = Fold::new(self.catalog, self.adapters, self.plan);
        let mut pending = Pending::default();
        let mut start = state.written_through;
        loop {
            let page = patiently(|| self.events.scan_page(self.number, total, start.clone())).await?;
            for item in &page.items {
                pending.done.events += 1;
                pending.bytes += item.as_ref().map_or(0, |stored| stored.event.data.len());
                if let Some(finished) = fold.push(item) {
                    self.finished(finished, &mut pending).await?;
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
        if let Some(finished) = fold.end() {
            self.finished(finished, &mut pending).await?;
        }
        self.write(pending, true).await
    }

    async fn finished(&self, finished: Finished, pending: &mut Pending) -> Result<(), PortError> {
        let Finished { last, object, result } = finished;
        pending.done.streams += 1;
        pending.met.extend(object);
        match result {
            StreamResult::Document(key, document) => self.put(pending, key, *document),
            StreamResult::AwaitsBase => pending.done.awaiting_base += 1,
            StreamResult::NotWanted => {}
            StreamResult::Unreadable(reason) => pending.fail(&last.entity_key, reason),
            StreamResult::NotWhole(key) => self.read_whole(key, pending).await?,
        }
        pending.written_through = Some(last);
        Ok(())
    }

    /// Reads a stream by itself that the scan did not give whole.
    async fn read_whole(&self, key: EntityKey, pending: &mut Pending) -> Result<(), PortError> {
        let mut report = StreamRebuildReport::default();
        match self.streams.document(&key, &mut report).await {
            Ok(Some(document)) => self.put(pending, key, document),
            Ok(None) => pending.done.awaiting_base += 1,
            Err(ProjectionFailure::Outage(error)) if error.kind == PortErrorKind::Corrupt => pending.fail(key, error),
            Err(ProjectionFailure::Outage(error)) => return Err(error),
            Err(ProjectionFailure::Poison(reason)) => pending.fail(key, reason),
        }
        Ok(())
    }

    fn put(&self, pending: &mut Pending, key: EntityKey, document: Document) {
        let Some(target) = self.plan.target(document.schema.aggregate_type().as_str()) else { return };
        pending.count += 1;
        pending.documents.entry(target.to.clone()).or_default().push((key, document));
    }

    async fn write(&self, mut pending: Pending, is_end: bool) -> Result<(), PortError> {
        for (index, documents) in std::mem::take(&mut pending.documents) {
            let (keys, documents): (Vec<EntityKey>, Vec<Document>) = documents.into_iter().unzip();
            let outcomes = patiently(|| self.indices.index_into(&index, &documents)).await?;
            for (key, outcome) in keys.into_iter().zip(outcomes) {
                match outcome {
                    IndexOutcome::Indexed | IndexOutcome::AlreadyNewer => pending.done.indexed += 1,
                    IndexOutcome::Refused(reason) => pending.fail(key, reason),
                }
            }
        }
        pending.done.missed = self.missed(&pending.failed).await?;
        let mut plan = self.shared.lock().await;
        plan.add(pending.done, pending.failed);
        plan.met.append(&mut pending.met);
        if let Some(segment) = plan.segments.get_mut(usize::try_from(self.number).unwrap_or(usize::MAX)) {
            segment.written_through = pending.written_through.or(segment.written_through.take());
            segment.is_done = is_end;
        }
        Ok(())
    }

    /// How many of these readers find now, each where its object belongs: they would miss them.
    async fn missed(&self, failed: &[FailedRecord]) -> Result<u64, PortError> {
        let keys: Vec<EntityKey> = failed.iter().filter_map(|failed| failed.entity_key.parse().ok()).collect();
        let mut there = HashSet::new();
        for target in &self.plan.targets {
            let schema = target.schema(self.catalog);
            let is_its = |key: &&EntityKey| target.may_hold(&key.entity_name, self.catalog);
            let keys: Vec<EntityKey> = keys.iter().filter(is_its).cloned().collect();
            for keys in keys.chunks(DOCUMENTS) {
                there.extend(patiently(|| self.indices.holds(&schema, keys)).await?);
            }
        }
        Ok(there.len() as u64)
    }
}
