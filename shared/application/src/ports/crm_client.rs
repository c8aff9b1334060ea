//! The port that reads records from a CRM.
//!
//! It fits Salesforce (keyset queries, bulk jobs), HubSpot (lists, search, batch reads) and Pipedrive (cursors): how a
//! window is read is the client's business, and so is the form of a cursor. A client repeats a call that failed for a
//! moment, for some seconds at most; everything longer is an error, and its caller waits. No call changes anything.
//!
//! Records come as the JSON that the provider adapter's `read_image` takes: text stays text (`"NA"`, `"01234"`), and
//! numbers keep their digits.

use std::sync::Arc;

use annals_domain::identity::{EntityName, ExternalId, Provider};
use annals_domain::timestamp::Timestamp;
use async_trait::async_trait;

use super::crm_error::CrmError;
use super::crm_object::ObjectDescription;
use super::crm_quota::QuotaUsage;

/// Which records of an object are read. Both ends are inclusive, by the time of the record's last modification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadWindow {
    /// All records that are not deleted and were last modified until then. A record that is modified later leaves the
    /// window.
    Full { until: Timestamp },
    /// The records, deleted ones included as far as the CRM still has them, that were last modified in this time.
    Since { from: Timestamp, until: Timestamp },
}

/// A request for the next page of a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageQuery {
    pub object: EntityName,
    /// Names from the object's description. The client adds the fields that `read_image` needs: id, time of the last
    /// modification, whether the record is deleted.
    pub fields: Vec<String>,
    pub window: ReadWindow,
    /// The cursor of the page before; `None` for the first page.
    pub after: Option<String>,
    /// The number of records in a page. A wish: a page may have fewer, and bulk jobs have larger pages.
    pub page_size: u32,
    /// The number of records in the window, if it is known: the client may choose another way for many.
    pub expected: Option<u64>,
}

/// Some records of a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordPage {
    /// No record twice. Its fields are those of one moment, however many calls it took.
    pub records: Vec<FetchedRecord>,
    /// Where the next page begins; `None` after the last. Opaque; it may be stored for days, and is then an error of
    /// kind `CursorExpired` or the right page.
    pub next: Option<String>,
    /// When the records were read, by the CRM's clock: not later than any of them.
    pub fetched_at: Timestamp,
}

/// A record as it is in the CRM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedRecord {
    /// In canonical form.
    pub id: ExternalId,
    /// As `read_image` takes it.
    pub record: Arc<str>,
}

/// What the CRM says of some ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordLookup {
    /// Records that exist, and deleted ones that the CRM still has; those say that they are deleted.
    pub found: Vec<FetchedRecord>,
    /// Ids of which the CRM has no record, deleted or not: confirmed, not only missing from a list.
    pub absent: Vec<ExternalId>,
    pub fetched_at: Timestamp,
}

impl RecordLookup {
    /// Each id with its record, or without one if the CRM has none.
    pub(crate) fn into_records(self) -> impl Iterator<Item = (ExternalId, Option<Arc<str>>)> {
        let found = self.found.into_iter().map(|FetchedRecord { id, record }| (id, Some(record)));
        found.chain(self.absent.into_iter().map(|id| (id, None)))
    }
}

/// A request for ids without their records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdQuery {
    pub object: EntityName,
    pub window: ReadWindow,
    /// As in [`PageQuery::after`].
    pub after: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdPage {
    /// In canonical form.
    pub ids: Vec<ExternalId>,
    pub next: Option<String>,
    pub fetched_at: Timestamp,
}

/// Reads records from one account of a CRM.
///
/// Pages of one window that are read one after the other, each from the cursor of the page before, have each record
/// that is in the window during all of that time, and none twice.
#[async_trait]
pub trait CrmClient: Send + Sync {
    fn provider(&self) -> Provider;

    /// The address of the CRM, for people.
    fn name(&self) -> &str;

    /// The largest number of ids that [`Self::records`] and [`Self::alive`] take in one call.
    fn ids_per_call(&self) -> usize;

    /// The object's fields now. Never from a cache.
    async fn describe(&self, object: &EntityName) -> Result<ObjectDescription, CrmError>;

    /// The number of records in a window.
    async fn count(&self, object: &EntityName, window: ReadWindow) -> Result<u64, CrmError>;

    /// The next page of a window.
    async fn page(&self, query: &PageQuery) -> Result<RecordPage, CrmError>;

    /// The ids of a window, in pages as large as the CRM allows.
    async fn ids(&self, query: &IdQuery) -> Result<IdPage, CrmError>;

    /// The records with these ids, and which of them do not exist. At most [`Self::ids_per_call`] ids, each once.
    async fn records(
        &self,
        object: &EntityName,
        fields: &[String],
        ids: &[ExternalId],
    ) -> Result<RecordLookup, CrmError>;

    /// Those of the ids that belong to records which are not deleted. An id that is missing proves nothing until
    /// [`Self::records`] has confirmed it.
    async fn alive(&self, object: &EntityName, ids: &[ExternalId]) -> Result<Vec<ExternalId>, CrmError>;

    /// The use of each quota that the CRM has, as its newest responses state it; costs a call only if none does.
    async fn usage(&self) -> Result<Vec<QuotaUsage>, CrmError>;
}
