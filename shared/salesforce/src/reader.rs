//! Reads the records of an object page by page: all by their ids up to a fixed cutoff, or the changed ones by their
//! stamps; from Bulk results where the object is large.

use std::time::Duration;

use annals_application::ports::{Quota, ReadWindow};
use annals_domain::timestamp::Timestamp;

use crate::bulk::{self, JobState};
use crate::connection::Connection;
use crate::cursor::{BulkCursor, Cursor};
use crate::description::Description;
use crate::failure::{Failure, FailureKind};
use crate::field_chunks::FieldChunks;
use crate::query::{self, Batch, Resource, Row};
use crate::quotas::{self, LatestQuotas};
use crate::selection::Selection;
use crate::soql::{Condition, Order, Source};

/// The most records of one page.
pub(crate) const LARGEST_PAGE: usize = 2_000;
/// The records of a page of bulk results, if a page need not have more.
const BULK_PAGE: usize = 5_000;
/// A query that takes too long is not made smaller than this.
const SMALLEST_PAGE: usize = 25;

/// How large objects are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BulkLimits {
    /// Objects with so many records, or more, are read by a bulk job.
    pub from: u64,
    /// How long a call waits for a job to complete before it returns an empty page.
    pub wait: Duration,
}

impl Default for BulkLimits {
    fn default() -> Self {
        Self { from: 50_000, wait: Duration::from_secs(10) }
    }
}

#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) rows: Vec<Row>,
    pub(crate) next: Option<Cursor>,
    /// By the org's clock. No value of the page is older.
    pub(crate) read_at: Timestamp,
}

/// The reads of one object.
pub(crate) struct Reader<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) description: &'a Description,
    pub(crate) selection: Selection<'a>,
    pub(crate) bulk: BulkLimits,
    pub(crate) quotas: &'a LatestQuotas,
}

impl Reader<'_> {
    /// `expected` is the number of records in the window, if it is known.
    pub(crate) async fn page(
        &self,
        window: ReadWindow,
        after: Option<Cursor>,
        size: usize,
        expected: Option<u64>,
    ) -> Result<Page, Failure> {
        let size = size.clamp(1, LARGEST_PAGE);
        match (window, after) {
            (ReadWindow::Full { until: cutoff }, None) => {
                let is_large = expected.is_some_and(|expected| expected >= self.bulk.from);
                if is_large {
                    self.first_bulk_page(cutoff, size).await
                } else {
                    self.by_ids_after(cutoff, None, size).await
                }
            }
            (ReadWindow::Full { until: cutoff }, Some(Cursor::AfterId(id))) => {
                self.by_ids_after(cutoff, Some(id), size).await
            }
            (ReadWindow::Full { until: cutoff }, Some(Cursor::Bulk(cursor))) => {
                self.bulk_page(cutoff, cursor, size).await
            }
            (ReadWindow::Since { from, until }, after @ (None | Some(Cursor::AfterStamp(_) | Cursor::Ties { .. }))) => {
                self.by_stamps(from, until, after, size).await
            }
            (_, Some(_)) => Err(Failure::new(FailureKind::ResultExpired, "the cursor belongs to another kind of read")),
        }
    }

    pub(crate) async fn count(&self, window: ReadWindow) -> Result<u64, Failure> {
        let soql = self.source(self.conditions(window), None).count();
        query::count(self.connection, resource(window), &soql).await
    }

    fn conditions(&self, window: ReadWindow) -> Vec<Condition> {
        match window {
            ReadWindow::Full { until: cutoff } => vec![Condition::StampUpTo(cutoff)],
            ReadWindow::Since { from, until } => vec![Condition::StampFrom(from), Condition::StampUpTo(until)],
        }
    }

    fn source(&self, conditions: Vec<Condition>, order: Option<Order>) -> Source<'_> {
        Source { object: &self.description.name, stamp: self.selection.stamp, conditions, order, limit: None }
    }

    /// Makes a bulk job. If its quotas are used up, or the org has no Bulk API, the calls are another quota.
    async fn first_bulk_page(&self, cutoff: Timestamp, size: usize) -> Result<Page, Failure> {
        let window = ReadWindow::Full { until: cutoff };
        let soql = self.source(self.conditions(window), None).select(&self.selection.fields);
        let created = match self.full_bulk_quota().await? {
            Some(quota) => Err(Failure::new(FailureKind::Rejected, format!("the share of {quota} is used up"))),
            None => bulk::create(self.connection, &soql).await,
        };
        match created {
            Ok(cursor) => self.bulk_page(cutoff, cursor, size).await,
            Err(failure) if is_refused(&failure) => {
                tracing::warn!(error = %failure, object = self.description.name, "no bulk job; reading by queries");
                self.by_ids_after(cutoff, None, size).await
            }
            Err(failure) => Err(failure),
        }
    }

    /// A quota of bulk reads of which this installation's share is used.
    async fn full_bulk_quota(&self) -> Result<Option<Quota>, Failure> {
        let quotas = quotas::read(self.connection).await?;
        self.quotas.note(quotas);
        let share = self.connection.settings().quota_share.percent();
        Ok(quotas.of_bulk().into_iter().find(|usage| usage.reaches(share)).map(|usage| usage.quota))
    }

    async fn by_ids_after(&self, cutoff: Timestamp, after: Option<String>, size: usize) -> Result<Page, Failure> {
        let mut conditions = self.conditions(ReadWindow::Full { until: cutoff });
        conditions.extend(after.map(Condition::IdAfter));
        let (batch, is_last) = self.batch(Resource::Query, conditions, Order::Id, size).await?;
        let last = batch.last.map(|(id, _)| Cursor::AfterId(id));
        Ok(Page { rows: batch.rows, next: last.filter(|_| !is_last), read_at: batch.at })
    }

    /// Records of one stamp are read in the order of their ids, before those of a later one.
    async fn by_stamps(
        &self,
        from: Timestamp,
        until: Timestamp,
        after: Option<Cursor>,
        size: usize,
    ) -> Result<Page, Failure> {
        let mut conditions = match &after {
            Some(Cursor::Ties { at, id }) => vec![Condition::StampIs(*at), Condition::IdAfter(id.clone())],
            Some(Cursor::AfterStamp(at)) => vec![Condition::StampAfter(*at)],
            _ => vec![Condition::StampFrom(from)],
        };
        let ties = match &after {
            Some(Cursor::Ties { at, .. }) => Some(*at),
            _ => None,
        };
        if ties.is_none() {
            conditions.push(Condition::StampUpTo(until));
        }
        let order = if ties.is_some() { Order::Id } else { Order::StampAndId };
        let (batch, is_last) = self.batch(Resource::QueryAll, conditions, order, size).await?;
        let next = match (batch.last, is_last, ties) {
            (_, true, Some(at)) => Some(Cursor::AfterStamp(at)),
            (_, true, None) | (None, ..) => None,
            (Some((id, _)), false, Some(at)) => Some(Cursor::Ties { at, id }),
            (Some((id, stamp)), false, None) => {
                let at = stamp.ok_or_else(|| Failure::malformed(format!("record `{id}` has no stamp")))?;
                Some(Cursor::Ties { at, id })
            }
        };
        Ok(Page { rows: batch.rows, next, read_at: batch.at })
    }

    /// A batch and whether it is the last one. A query that takes too long is halved.
    async fn batch(
        &self,
        resource: Resource,
        conditions: Vec<Condition>,
        order: Order,
        size: usize,
    ) -> Result<(Batch, bool), Failure> {
        let mut source = self.source(conditions, Some(order));
        let chunks = self.chunks(&source);
        let mut limit = size;
        loop {
            source.limit = Some(limit);
            match chunks.first_batch(self.connection, resource, &source).await {
                Err(failure) if failure.kind == FailureKind::QueryTooLarge && limit > SMALLEST_PAGE => {
                    limit = (limit / 2).max(SMALLEST_PAGE);
                }
                Err(failure) => return Err(failure),
                Ok((batch, found)) => {
                    let is_last = batch.is_whole && found < limit;
                    return Ok((batch, is_last));
                }
            }
        }
    }

    fn chunks(&self, source: &Source<'_>) -> FieldChunks<'_> {
        FieldChunks::divide(self.connection, source, self.selection.always(), self.selection.fields.iter().copied())
    }

    async fn bulk_page(&self, cutoff: Timestamp, cursor: BulkCursor, size: usize) -> Result<Page, Failure> {
        let read_at = cursor.read_at;
        if cursor.locator.is_none() {
            match self.awaited(&cursor.job).await? {
                JobState::Complete { .. } => {}
                JobState::Running => return Ok(Page { rows: Vec::new(), next: Some(Cursor::Bulk(cursor)), read_at }),
                JobState::Failed(reason) => {
                    tracing::warn!(job = cursor.job, reason, "bulk job failed; reading by queries");
                    return self.by_ids_after(cutoff, None, size).await;
                }
            }
        }
        let (rows, next) = bulk::page(self.connection, self.description, &cursor, size.max(BULK_PAGE)).await?;
        Ok(Page { rows, next: next.map(Cursor::Bulk), read_at })
    }

    /// The state of a job once it runs no more, or after the longest wait.
    async fn awaited(&self, job: &str) -> Result<JobState, Failure> {
        let started = tokio::time::Instant::now();
        let mut wait = self.bulk.wait / 20;
        loop {
            let state = bulk::state(self.connection, job).await?;
            if !matches!(state, JobState::Running) || started.elapsed() + wait > self.bulk.wait {
                return Ok(state);
            }
            tokio::time::sleep(wait).await;
            wait = wait.saturating_mul(2);
        }
    }

    /// The records of those ids that exist, also in the recycle bin.
    pub(crate) async fn records(&self, ids: &[String]) -> Result<(Vec<Row>, Timestamp), Failure> {
        let source = self.source(Vec::new(), None);
        let (rows, at) = self.chunks(&source).by_ids(self.connection, &source, ids).await?;
        Ok((rows, at.unwrap_or_else(|| self.connection.now())))
    }

    /// Those of the ids whose records are not deleted.
    pub(crate) async fn alive(&self, ids: &[String]) -> Result<Vec<String>, Failure> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let source = self.source(vec![Condition::Ids(ids.to_vec())], None);
        let (rows, _) = query::all_rows(self.connection, Resource::Query, &source.select(&["Id"])).await?;
        Ok(rows.into_iter().map(|row| row.id).collect())
    }

    /// A page of ids alone, as large as a query allows.
    pub(crate) async fn ids(&self, window: ReadWindow, after: Option<Cursor>) -> Result<Page, Failure> {
        let fields = self.selection.always();
        let ids = Self { selection: Selection { fields, stamp: self.selection.stamp }, ..*self };
        ids.page(window, after, LARGEST_PAGE, None).await
    }
}

fn resource(window: ReadWindow) -> Resource {
    match window {
        ReadWindow::Full { .. } => Resource::Query,
        ReadWindow::Since { .. } => Resource::QueryAll,
    }
}

fn is_refused(failure: &Failure) -> bool {
    matches!(failure.kind, FailureKind::Rejected | FailureKind::NotFound | FailureKind::Unauthorised)
}
