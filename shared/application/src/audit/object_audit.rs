//! The audit of one object, page by page.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use annals_domain::aggregate::Aggregate;
use annals_domain::change::Change;
use annals_domain::definition::EntitySchema;
use annals_domain::identity::{AggregateId, EntityKey, ExternalId};
use annals_domain::mapping;
use annals_domain::provider_adapter::{ProviderAdapter, RecordImage};
use annals_domain::timestamp::Timestamp;
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Map, Value};
use tokio::time::Instant;
use uuid::Uuid;

use super::context::{AuditContext, AuditRequest};
use super::error::AuditError;
use super::place::{AuditCheckpoint, AuditPlace};
use super::report::{AuditReport, RecordDifference};
use crate::crm::{
    CrmConnection, MissingRecords, QuotaRefusal, ReadRecord, ReadRecords, RecordState, SETTLED_AFTER_MS, Selection,
    differences,
};
use crate::log_chain;
use crate::ports::{AuditNote, FetchedRecord, ObjectOfProvider, PageQuery, PortErrorKind, ReadWindow, RequestedAudit};

const PAGE_SIZE: u32 = 200;
/// The documents that are read at the same time.
const CONCURRENT_READS: usize = 16;
/// How long storing the differences of a page may take.
const REPAIR_TIME: Duration = Duration::from_secs(60);
/// Stands for the record itself.
const RECORD: &str = "*";

pub(super) struct ObjectAudit<'a> {
    context: &'a AuditContext,
    connection: &'a CrmConnection,
    adapter: &'a dyn ProviderAdapter,
    object: &'a ObjectOfProvider,
    schema: EntitySchema,
    selection: Selection,
    request: AuditRequest,
    /// The causation id of what is repaired.
    audit_id: Uuid,
    place: AuditPlace,
    /// The differences that are counted and not in the report, because another process found them.
    different_before: u64,
    report: AuditReport,
}

enum Verdict {
    Same,
    /// It changed while it was read.
    Changing,
    Different(RecordDifference),
}

/// A record as the CRM has it, or not.
type CrmRecord = (ExternalId, Option<Arc<str>>);

impl<'a> ObjectAudit<'a> {
    /// Begins an audit, or goes on with another one.
    pub(super) async fn open(
        context: &'a AuditContext,
        object: &'a ObjectOfProvider,
        request: AuditRequest,
        checkpoint: Option<AuditCheckpoint>,
    ) -> Result<Self, AuditError> {
        let (provider, name) = object;
        let not_connected = || AuditError::NotConnected(*provider);
        let connection = context.connections.get(*provider).ok_or_else(not_connected)?;
        let adapter = context.adapters.get(*provider).map(|adapter| &**adapter).ok_or_else(not_connected)?;
        check_quota(connection).await?;
        let description = connection.client.describe(name).await?;
        let schema = context.catalog.schema(*provider, name);
        let selection = Selection::new(name, &description, &schema, adapter);
        let done = checkpoint.unwrap_or_else(|| AuditCheckpoint {
            audit_id: context.ids.fresh(),
            place: AuditPlace::Records { until: description.described_at, after: None },
            compared: 0,
            changing: 0,
            different: 0,
        });
        let report = AuditReport {
            provider: *provider,
            entity_name: name.clone(),
            compared: done.compared,
            changing: done.changing,
            different: Vec::new(),
            repaired: 0,
            is_complete: request.sample.is_none(),
            not_shown: selection.lacking.iter().map(ToString::to_string).collect(),
        };
        let AuditCheckpoint { audit_id, place, different: different_before, .. } = done;
        Ok(Self {
            context,
            connection,
            adapter,
            object,
            schema,
            selection,
            request,
            audit_id,
            place,
            different_before,
            report,
        })
    }

    pub(super) fn is_done(&self) -> bool {
        self.place == AuditPlace::End
    }

    pub(super) fn report(&self) -> &AuditReport {
        &self.report
    }

    pub(super) fn into_report(self) -> AuditReport {
        self.report
    }

    pub(super) fn checkpoint(&self) -> AuditCheckpoint {
        AuditCheckpoint {
            audit_id: self.audit_id,
            place: self.place.clone(),
            compared: self.report.compared,
            changing: self.report.changing,
            different: self.different(),
        }
    }

    /// Its result, if it ended at that time.
    pub(super) fn note(&self, ended_at: Timestamp) -> AuditNote {
        AuditNote {
            ended_at,
            compared: self.report.compared,
            different: self.different(),
            is_complete: self.report.is_complete,
        }
    }

    /// Whether it compares all that the request is about.
    pub(super) fn answers(&self, request: &RequestedAudit) -> bool {
        self.request.sample.is_none_or(|sample| request.sample.is_some_and(|requested| requested <= sample))
    }

    fn different(&self) -> u64 {
        self.different_before + self.report.different.len() as u64
    }

    /// Compares the next page. On an error the page is compared again by the next call.
    pub(super) async fn step(&mut self) -> Result<(), AuditError> {
        check_quota(self.connection).await?;
        self.place = match self.place.clone() {
            AuditPlace::Records { until, after } => self.compare_records(until, after).await?,
            AuditPlace::Deletions { after } => self.compare_deletions(after).await?,
            AuditPlace::End => AuditPlace::End,
        };
        Ok(())
    }

    async fn compare_records(&mut self, until: Timestamp, after: Option<String>) -> Result<AuditPlace, AuditError> {
        let left = self.request.sample.map_or(u64::MAX, |sample| sample.saturating_sub(self.report.compared));
        if left == 0 {
            return Ok(AuditPlace::End);
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
        Ok(match page.next {
            Some(next) => AuditPlace::Records { until, after: Some(next) },
            None if self.request.sample.is_some() => AuditPlace::End,
            None => AuditPlace::Deletions { after: None },
        })
    }

    /// Compares the records that are alive here and not in the CRM's list.
    async fn compare_deletions(&mut self, after: Option<AggregateId>) -> Result<AuditPlace, AuditError> {
        let (live, client) = (&*self.context.live, &*self.connection.client);
        let missing = MissingRecords::after::<AuditError>(after, live, client, &self.schema, &self.object.1).await?;
        self.confirm(&missing.ids).await?;
        Ok(missing.next.map_or(AuditPlace::End, |next| AuditPlace::Deletions { after: Some(next) }))
    }

    async fn confirm(&mut self, ids: &[ExternalId]) -> Result<(), AuditError> {
        if ids.is_empty() {
            return Ok(());
        }
        let lookup = self.connection.client.records(&self.object.1, &self.selection.fields, ids).await?;
        let fetched_at = lookup.fetched_at;
        self.compare_page(lookup.into_records().collect(), fetched_at).await
    }

    async fn compare_page(&mut self, records: Vec<CrmRecord>, fetched_at: Timestamp) -> Result<(), AuditError> {
        let verdicts = self.verdicts(&records, fetched_at).await?;
        let mut repairs = Vec::new();
        self.report.compared += records.len() as u64;
        for ((id, record), verdict) in records.into_iter().zip(verdicts) {
            match verdict {
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

    /// One verdict a record. States and documents are read several at a time: on AWS each is a request.
    async fn verdicts(&self, records: &[CrmRecord], fetched_at: Timestamp) -> Result<Vec<Verdict>, AuditError> {
        let images = &self.context.images;
        let keys: Result<Vec<EntityKey>, _> =
            records.iter().map(|(id, _)| images.key(self.object.0, &self.object.1, id)).collect();
        let keys = keys?;
        let states = images.states(&keys).await?;
        let compared = records.iter().zip(&keys).zip(states).map(|(((id, record), key), state)| async move {
            self.compare(key, id, record.clone(), state, fetched_at).await
        });
        stream::iter(compared).buffered(CONCURRENT_READS).try_collect().await
    }

    async fn compare(
        &self,
        key: &EntityKey,
        id: &ExternalId,
        record: Option<Arc<str>>,
        state: RecordState,
        fetched_at: Timestamp,
    ) -> Result<Verdict, AuditError> {
        let whole = || BTreeSet::from([RECORD.to_owned()]);
        let different = |fields, document_fields| {
            Verdict::Different(RecordDifference { external_id: id.clone(), fields, document_fields })
        };
        let state = match state {
            Ok(Some(state)) => state,
            Ok(None) => return Ok(different(whole(), BTreeSet::new())),
            Err(error) => {
                tracing::warn!(entity_key = %key, error = %log_chain(&error), "the stream cannot be read");
                return Ok(different(whole(), BTreeSet::new()));
            }
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
        let document_fields = self.document_differences(key, &state).await?;
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
        let whole = || BTreeSet::from([RECORD.to_owned()]);
        let document = match self.context.read_model.get(&self.schema, key.aggregate_id).await {
            Err(error) if error.kind == PortErrorKind::Corrupt => return Ok(whole()),
            document => document?,
        };
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
            are_mostly_unknown: false,
            fetched_at,
            correlation_id: Some(self.audit_id.to_string()),
        };
        let deadline = Instant::now() + REPAIR_TIME;
        self.context.images.store(read, deadline).await?;
        Ok(())
    }
}

async fn check_quota(connection: &CrmConnection) -> Result<(), AuditError> {
    match connection.quota().await?.refusal {
        Some(QuotaRefusal { reason, until }) => Err(AuditError::Quota { reason, until }),
        None => Ok(()),
    }
}
