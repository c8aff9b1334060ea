//! Compares the records of an object.

use std::collections::BTreeSet;
use std::sync::Arc;

use annals_domain::aggregate::Aggregate;
use annals_domain::change::Change;
use annals_domain::definition::{Catalog, EntitySchema};
use annals_domain::identity::{EntityKey, ExternalId, Provider};
use annals_domain::mapping;
use annals_domain::provider_adapter::{ProviderAdapter, ProviderAdapters, RecordImage};
use annals_domain::timestamp::Timestamp;
use serde_json::{Map, Value};
use tokio::time::Instant;
use uuid::Uuid;

use super::report::{AuditReport, RecordDifference};
use crate::commands::CommandError;
use crate::crm::{
    CrmConnection, CrmConnections, ImageStore, MissingRecords, ReadRecord, ReadRecords, SETTLED_AFTER_MS, Selection,
    differences,
};
use crate::ports::{
    AuditNote, Clock, CrmError, FetchedRecord, Ids, LiveEntities, ObjectNotes, ObjectOfProvider, PageQuery, PortError,
    ReadModel, ReadWindow, revise_note,
};

const PAGE_SIZE: u32 = 200;
/// Stands for the record itself.
const RECORD: &str = "*";

#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    #[error("no connection to read {0} records is set up")]
    NotConnected(Provider),
    #[error("records cannot be read")]
    Crm(#[from] CrmError),
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error("the stores of this installation cannot be used")]
    Port(#[from] PortError),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AuditRequest {
    /// The records that are compared at most; `None` for all, and deletions.
    pub sample: Option<u64>,
    /// Stores what differs.
    pub repair: bool,
}

#[derive(Clone)]
pub struct AuditorPorts {
    pub read_model: Arc<dyn ReadModel>,
    pub live: Arc<dyn LiveEntities>,
    pub notes: Arc<dyn ObjectNotes>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
}

/// Audits objects of connected CRMs.
#[derive(Clone)]
pub struct Auditor {
    ports: AuditorPorts,
    connections: CrmConnections,
    images: Arc<ImageStore>,
    catalog: Arc<Catalog>,
    adapters: ProviderAdapters,
}

/// The audit of one object.
struct ObjectAudit<'a> {
    auditor: &'a Auditor,
    connection: &'a CrmConnection,
    adapter: &'a dyn ProviderAdapter,
    object: &'a ObjectOfProvider,
    schema: EntitySchema,
    selection: Selection,
    request: AuditRequest,
    /// The causation id of what is repaired.
    audit_id: Uuid,
    report: AuditReport,
}

enum Verdict {
    Same,
    /// It changed while it was read.
    Changing,
    Different(RecordDifference),
}

impl Auditor {
    pub fn new(
        ports: AuditorPorts,
        connections: CrmConnections,
        images: Arc<ImageStore>,
        catalog: Arc<Catalog>,
        adapters: ProviderAdapters,
    ) -> Self {
        Self { ports, connections, images, catalog, adapters }
    }

    /// Compares an object's records, and notes the result.
    pub async fn audit(
        &self,
        object: &ObjectOfProvider,
        request: AuditRequest,
        progress: &mut (dyn FnMut(&AuditReport) + Send),
    ) -> Result<AuditReport, AuditError> {
        let (provider, name) = object;
        let not_connected = || AuditError::NotConnected(*provider);
        let connection = self.connections.get(*provider).ok_or_else(not_connected)?;
        let adapter = self.adapters.get(*provider).map(|adapter| &**adapter).ok_or_else(not_connected)?;
        let description = connection.client.describe(name).await?;
        let schema = self.catalog.schema(*provider, name);
        let selection = Selection::new(name, &description, &schema, adapter);
        let report = AuditReport {
            provider: *provider,
            entity_name: name.clone(),
            compared: 0,
            changing: 0,
            different: Vec::new(),
            repaired: 0,
            is_complete: request.sample.is_none(),
            not_shown: selection.lacking.iter().map(ToString::to_string).collect(),
        };
        let audit_id = self.ports.ids.fresh();
        let mut audit =
            ObjectAudit { auditor: self, connection, adapter, object, schema, selection, request, audit_id, report };
        audit.compare_records(description.described_at, progress).await?;
        if request.sample.is_none() {
            audit.compare_deletions(progress).await?;
        }
        let report = audit.report;
        self.note(object, &report).await?;
        Ok(report)
    }

    async fn note(&self, object: &ObjectOfProvider, report: &AuditReport) -> Result<(), PortError> {
        let audit = Some(AuditNote {
            ended_at: self.ports.clock.now(),
            compared: report.compared,
            different: report.different.len() as u64,
            is_complete: report.is_complete,
        });
        revise_note(&*self.ports.notes, object, |note| note.audit.clone_from(&audit)).await
    }
}

impl ObjectAudit<'_> {
    async fn compare_records(
        &mut self,
        until: Timestamp,
        progress: &mut (dyn FnMut(&AuditReport) + Send),
    ) -> Result<(), AuditError> {
        let mut after = None;
        loop {
            let left = self.request.sample.map_or(u64::MAX, |sample| sample.saturating_sub(self.report.compared));
            if left == 0 {
                return Ok(());
            }
            let query = PageQuery {
                object: self.object.1.clone(),
                fields: self.selection.fields.clone(),
                window: ReadWindow::Full { until },
                after,
                page_size: PAGE_SIZE.min(u32::try_from(left).unwrap_or(u32::MAX)),
                expected: None,
            };
            let page = self.connection.client.page(&query).await?;
            let records = page.records.into_iter().map(|FetchedRecord { id, record }| (id, Some(record))).collect();
            self.compare_page(records, page.fetched_at).await?;
            progress(&self.report);
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// Compares the records that are alive here and not in the CRM's list.
    async fn compare_deletions(&mut self, progress: &mut (dyn FnMut(&AuditReport) + Send)) -> Result<(), AuditError> {
        let mut after = None;
        loop {
            let (live, client) = (&*self.auditor.ports.live, &*self.connection.client);
            let missing =
                MissingRecords::after::<AuditError>(after, live, client, &self.schema, &self.object.1).await?;
            self.confirm(&missing.ids).await?;
            progress(&self.report);
            after = missing.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    async fn confirm(&mut self, ids: &[ExternalId]) -> Result<(), AuditError> {
        if ids.is_empty() {
            return Ok(());
        }
        let lookup = self.connection.client.records(&self.object.1, &self.selection.fields, ids).await?;
        let fetched_at = lookup.fetched_at;
        self.compare_page(lookup.into_records().collect(), fetched_at).await
    }

    async fn compare_page(
        &mut self,
        records: Vec<(ExternalId, Option<Arc<str>>)>,
        fetched_at: Timestamp,
    ) -> Result<(), AuditError> {
        let mut repairs = Vec::new();
        for (id, record) in records {
            self.report.compared += 1;
            match self.compare(&id, record.clone(), fetched_at).await? {
                Verdict::Same => {}
                Verdict::Changing => self.report.changing += 1,
                Verdict::Different(difference) => {
                    self.report.different.push(difference);
                    repairs.push(ReadRecord { id, record, caused_by: self.audit_id });
                }
            }
        }
        if self.request.repair && !repairs.is_empty() {
            self.report.repaired += repairs.len() as u64;
            self.repair(repairs, fetched_at).await?;
        }
        Ok(())
    }

    async fn compare(
        &self,
        id: &ExternalId,
        record: Option<Arc<str>>,
        fetched_at: Timestamp,
    ) -> Result<Verdict, AuditError> {
        let key = self.auditor.images.key(self.object.0, &self.object.1, id)?;
        let whole = || BTreeSet::from([RECORD.to_owned()]);
        let different = |fields, document_fields| {
            Verdict::Different(RecordDifference { external_id: id.clone(), fields, document_fields })
        };
        let Some(state) = self.auditor.images.state(&key).await? else {
            return Ok(different(whole(), BTreeSet::new()));
        };
        let is_there = record.is_some();
        let image = RecordImage::new(record, fetched_at);
        // It is kept in quarantine when it is stored.
        let Ok(read) = self.adapter.read_image(&self.object.1, id, &image) else {
            return Ok(different(whole(), BTreeSet::new()));
        };
        let found = differences(&state, &self.without_stamp(&read.change), &self.schema, self.adapter);
        let mut fields = found.fields;
        fields.extend(found.whole.then(|| RECORD.to_owned()));
        let document_fields = self.document_differences(&key, &state).await?;
        if fields.is_empty() && document_fields.is_empty() {
            return Ok(Verdict::Same);
        }
        let settled_before = fetched_at.plus_millis(-SETTLED_AFTER_MS);
        let is_changing = state.newest().is_some_and(|newest| newest.timestamp > settled_before)
            || (is_there && read.change.position.timestamp > settled_before);
        Ok(if is_changing { Verdict::Changing } else { different(fields, document_fields) })
    }

    /// The image without the field that differs after each change event.
    fn without_stamp(&self, image: &Change) -> Change {
        let mut image = image.clone();
        image.writes.retain(|write| Some(write.path.as_str()) != self.adapter.stamp_field());
        image
    }

    /// In what the document that readers see differs from the folded events.
    async fn document_differences(&self, key: &EntityKey, state: &Aggregate) -> Result<BTreeSet<String>, AuditError> {
        let document = self.auditor.ports.read_model.get(&self.schema, key.aggregate_id).await?;
        let whole = || BTreeSet::from([RECORD.to_owned()]);
        let document = match (document, state.has_base()) {
            (Some(document), true) => document,
            (None, false) => return Ok(BTreeSet::new()),
            _ => return Ok(whole()),
        };
        let Ok(shown) = serde_json::from_str::<Map<String, Value>>(document.json.get()) else { return Ok(whole()) };
        let folded = mapping::map(state, &self.schema, self.adapter).to_json(&self.schema);
        let differs = folded.iter().filter(|(name, value)| shown.get(*name) != Some(*value));
        Ok(differs.map(|(name, _)| name.clone()).collect())
    }

    async fn repair(&self, records: Vec<ReadRecord>, fetched_at: Timestamp) -> Result<(), AuditError> {
        let read = ReadRecords {
            provider: self.object.0,
            object: &self.object.1,
            calculated: &self.selection.calculated,
            records,
            fetched_at,
            correlation_id: Some(self.audit_id.to_string()),
        };
        let deadline = Instant::now() + std::time::Duration::from_secs(60);
        self.auditor.images.store(read, deadline).await?;
        Ok(())
    }
}
