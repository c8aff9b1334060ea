//! The client of one org, behind the port [`CrmClient`].

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use annals_application::ports::{
    Clock, CrmClient, CrmError, CrmErrorKind, FetchedRecord, IdPage, IdQuery, Ids, ObjectDescription, PageQuery, Quota,
    QuotaUsage, ReadWindow, RecordLookup, RecordPage,
};
use annals_domain::identity::{EntityName, ExternalId, Provider};
use async_trait::async_trait;

use crate::connection::{CallLimits, Connection};
use crate::cursor::Cursor;
use crate::description::{self, Description};
use crate::failure::{Failure, FailureKind};
use crate::quotas::{self, LatestQuotas};
use crate::reader::{BulkLimits, Page, Reader};
use crate::selection::Selection;
use crate::settings::SalesforceSettings;
use crate::soql;

/// How many ids one call names.
const IDS_PER_CALL: usize = 200;

/// How the client reads.
#[derive(Debug, Clone, Copy, Default)]
pub struct ClientTuning {
    pub calls: CallLimits,
    pub bulk: BulkLimits,
}

/// Reads records from one org.
pub struct SalesforceClient {
    connection: Connection,
    name: String,
    bulk: BulkLimits,
    quotas: LatestQuotas,
    /// The newest description of each object: the types of its fields, by which bulk results are read.
    descriptions: Mutex<BTreeMap<String, Arc<Description>>>,
}

impl SalesforceClient {
    /// Makes no call yet. Fails only if the machine cannot set up an HTTP client.
    pub fn new(
        settings: SalesforceSettings,
        tuning: ClientTuning,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
    ) -> Result<Self, CrmError> {
        let name = settings.url.host().to_owned();
        let connection = Connection::new(settings, tuning.calls, clock, ids);
        let connection = connection.map_err(|failure| CrmError::new(CrmErrorKind::Rejected, &name, failure.message))?;
        Ok(Self {
            connection,
            name,
            bulk: tuning.bulk,
            quotas: LatestQuotas::default(),
            descriptions: Mutex::default(),
        })
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    async fn described(&self, object: &str) -> Result<(Arc<Description>, ObjectDescription), Failure> {
        let (description, at) = description::read(&self.connection, object).await?;
        let description = Arc::new(description);
        let mut known = self.descriptions.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(object.to_owned(), Arc::clone(&description));
        let shown = ObjectDescription { fields: description.to_port(), described_at: at };
        Ok((description, shown))
    }

    /// The newest description; a new one if it lacks one of the fields.
    async fn description(&self, object: &str, fields: &[String]) -> Result<Arc<Description>, Failure> {
        let known = self.descriptions.lock().unwrap_or_else(PoisonError::into_inner).get(object).cloned();
        match known.filter(|known| fields.iter().all(|field| known.has(field))) {
            Some(known) => Ok(known),
            None => Ok(self.described(object).await?.0),
        }
    }

    fn forget(&self, object: &str) {
        self.descriptions.lock().unwrap_or_else(PoisonError::into_inner).remove(object);
    }

    fn reader<'a>(&'a self, description: &'a Description, fields: &[String]) -> Result<Reader<'a>, Failure> {
        let selection = Selection::of(description, fields)?;
        Ok(Reader { connection: &self.connection, description, selection, bulk: self.bulk, quotas: &self.quotas })
    }

    async fn read_page(&self, query: &PageQuery) -> Result<Page, Failure> {
        let description = self.description(query.object.as_str(), &query.fields).await?;
        let after = query.after.as_deref().map(Cursor::parse).transpose()?;
        let size = usize::try_from(query.page_size).unwrap_or(usize::MAX);
        let reader = self.reader(&description, &query.fields)?;
        reader.page(query.window, after, size, query.expected).await
    }

    async fn read_ids(&self, query: &IdQuery) -> Result<Page, Failure> {
        let description = self.description(query.object.as_str(), &[]).await?;
        let after = query.after.as_deref().map(Cursor::parse).transpose()?;
        self.reader(&description, &[])?.ids(query.window, after).await
    }

    async fn look_up(&self, object: &str, fields: &[String], ids: &[ExternalId]) -> Result<RecordLookup, Failure> {
        let description = self.description(object, fields).await?;
        let (rows, at) = self.reader(&description, fields)?.records(&soql::check_ids(ids)?).await?;
        let found: Vec<FetchedRecord> = rows.into_iter().map(Into::into).collect();
        let is_absent = |id: &&ExternalId| !found.iter().any(|record| record.id == **id);
        let absent = ids.iter().filter(is_absent).cloned().collect();
        Ok(RecordLookup { found, absent, fetched_at: at })
    }

    /// The error of the port. What is missing of an object is forgotten, so that it is described anew.
    pub(crate) fn error(&self, object: Option<&EntityName>, failure: Failure) -> CrmError {
        if let (Some(object), FailureKind::FieldsMissing(_) | FailureKind::ObjectMissing) = (object, &failure.kind) {
            self.forget(object.as_str());
        }
        let until = failure
            .retry_after
            .map(|wait| self.connection.now().plus_millis(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)));
        let kind = match failure.kind {
            FailureKind::SessionExpired | FailureKind::Unauthorised => CrmErrorKind::Unauthorised,
            FailureKind::CallsUsedUp => CrmErrorKind::QuotaExhausted { quota: Quota::ApiCalls, until },
            FailureKind::Throttled => CrmErrorKind::Throttled { until },
            FailureKind::Unavailable => CrmErrorKind::Unavailable,
            FailureKind::ObjectMissing => CrmErrorKind::ObjectMissing,
            FailureKind::FieldsMissing(fields) => CrmErrorKind::FieldsMissing(fields),
            FailureKind::QueryTooLarge => CrmErrorKind::TooLarge,
            FailureKind::ResultExpired => CrmErrorKind::CursorExpired,
            FailureKind::Malformed => CrmErrorKind::Malformed,
            FailureKind::NotFound | FailureKind::Rejected => CrmErrorKind::Rejected,
        };
        let message = object.map_or_else(|| failure.message.clone(), |object| format!("{object}: {}", failure.message));
        CrmError::new(kind, &self.name, message)
    }
}

#[async_trait]
impl CrmClient for SalesforceClient {
    fn provider(&self) -> Provider {
        Provider::Salesforce
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn ids_per_call(&self) -> usize {
        IDS_PER_CALL
    }

    async fn describe(&self, object: &EntityName) -> Result<ObjectDescription, CrmError> {
        let described = self.described(object.as_str()).await;
        described.map(|(_, shown)| shown).map_err(|failure| self.error(Some(object), failure))
    }

    async fn count(&self, object: &EntityName, window: ReadWindow) -> Result<u64, CrmError> {
        let counted = async {
            let description = self.description(object.as_str(), &[]).await?;
            self.reader(&description, &[])?.count(window).await
        };
        counted.await.map_err(|failure| self.error(Some(object), failure))
    }

    async fn page(&self, query: &PageQuery) -> Result<RecordPage, CrmError> {
        let page = self.read_page(query).await.map_err(|failure| self.error(Some(&query.object), failure))?;
        Ok(RecordPage {
            records: page.rows.into_iter().map(Into::into).collect(),
            next: page.next.map(|cursor| cursor.to_text()),
            fetched_at: page.read_at,
        })
    }

    async fn ids(&self, query: &IdQuery) -> Result<IdPage, CrmError> {
        let page = self.read_ids(query).await.map_err(|failure| self.error(Some(&query.object), failure))?;
        Ok(IdPage {
            ids: page.rows.into_iter().map(|row| ExternalId::new(row.id)).collect(),
            next: page.next.map(|cursor| cursor.to_text()),
            fetched_at: page.read_at,
        })
    }

    async fn records(
        &self,
        object: &EntityName,
        fields: &[String],
        ids: &[ExternalId],
    ) -> Result<RecordLookup, CrmError> {
        let looked_up = self.look_up(object.as_str(), fields, ids).await;
        looked_up.map_err(|failure| self.error(Some(object), failure))
    }

    async fn alive(&self, object: &EntityName, ids: &[ExternalId]) -> Result<Vec<ExternalId>, CrmError> {
        let alive = async {
            let description = self.description(object.as_str(), &[]).await?;
            self.reader(&description, &[])?.alive(&soql::check_ids(ids)?).await
        };
        let ids = alive.await.map_err(|failure| self.error(Some(object), failure))?;
        Ok(ids.into_iter().map(ExternalId::new).collect())
    }

    async fn usage(&self) -> Result<Vec<QuotaUsage>, CrmError> {
        if self.connection.usage().is_none() {
            let quotas = quotas::read(&self.connection).await.map_err(|failure| self.error(None, failure))?;
            self.quotas.note(quotas);
        }
        Ok(self.quotas.usage(self.connection.usage()))
    }
}
