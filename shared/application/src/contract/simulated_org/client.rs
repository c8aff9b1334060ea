//! The client of the simulated org.

use annals_domain::identity::{EntityName, ExternalId, Provider};
use annals_domain::timestamp::Timestamp;
use async_trait::async_trait;

use super::object::{SYSTEM_FIELDS, SimulatedObject, SimulatedRecord};
use super::{OrgState, SimulatedOrg};
use crate::ports::{
    Clock, CrmClient, CrmError, CrmErrorKind, FieldDescription, IdPage, IdQuery, ObjectDescription, PageQuery, Quota,
    QuotaUsage, ReadWindow, RecordLookup, RecordPage,
};

const NAME: &str = "simulated.example";
const IDS_PER_CALL: usize = 200;
const IDS_PER_PAGE: usize = 2_000;

impl OrgState {
    /// Counts a call, and lets it fail if it is to fail.
    fn admit(&mut self) -> Result<(), CrmError> {
        if self.is_down {
            return Err(error(CrmErrorKind::Unavailable, "no answer"));
        }
        if let Some(kind) = self.failures.pop_front() {
            return Err(error(kind, "as the test asked"));
        }
        if self.calls + self.calls_by_others >= self.daily_calls {
            let kind = CrmErrorKind::QuotaExhausted { quota: Quota::ApiCalls, until: None };
            return Err(error(kind, "REQUEST_LIMIT_EXCEEDED: TotalRequests Limit exceeded."));
        }
        self.calls += 1;
        Ok(())
    }

    fn object(&self, object: &EntityName) -> Result<&SimulatedObject, CrmError> {
        let found = self.objects.get(object.as_str());
        found.ok_or_else(|| error(CrmErrorKind::ObjectMissing, format!("no object `{object}`")))
    }
}

impl SimulatedObject {
    fn check(&self, fields: &[String]) -> Result<(), CrmError> {
        let missing: Vec<String> = fields.iter().filter(|field| !self.shows(field)).cloned().collect();
        if missing.is_empty() {
            return Ok(());
        }
        let message = format!("no such fields: {}", missing.join(", "));
        Err(error(CrmErrorKind::FieldsMissing(missing), message))
    }

    /// The first ids of a window after a cursor, in the order in which it is read, and the cursor after them.
    fn window(&self, window: ReadWindow, after: Option<&str>, most: usize) -> (Vec<ExternalId>, Option<String>) {
        let is_next = |key: &str| after.is_none_or(|after| key > after);
        let mut found: Vec<(String, ExternalId)> = match window {
            // The records are in the order of their ids.
            ReadWindow::Full { .. } => {
                let ids = self.in_window(window).map(|(id, _)| id).filter(|id| is_next(id.as_str()));
                ids.take(most + 1).map(|id| (id.to_string(), id.clone())).collect()
            }
            ReadWindow::Since { .. } => {
                let keys = self.in_window(window).map(|(id, record)| (key_of(id, record), id.clone()));
                keys.filter(|(key, _)| is_next(key)).collect()
            }
        };
        found.sort();
        let is_last = found.len() <= most;
        found.truncate(most);
        let next = found.last().filter(|_| !is_last).map(|(key, _)| key.clone());
        (found.into_iter().map(|(_, id)| id).collect(), next)
    }
}

/// The place of a record among those modified since a moment.
fn key_of(id: &ExternalId, record: &SimulatedRecord) -> String {
    format!("{:015} {id}", record.stamp.millis())
}

impl SimulatedOrg {
    /// The time as the header of a response has it, in whole seconds.
    fn date(&self) -> Timestamp {
        let now = self.clock.now();
        now.plus_millis(-now.millis().rem_euclid(1_000))
    }
}

#[async_trait]
impl CrmClient for SimulatedOrg {
    fn provider(&self) -> Provider {
        Provider::Salesforce
    }

    fn name(&self) -> &str {
        NAME
    }

    fn ids_per_call(&self) -> usize {
        IDS_PER_CALL
    }

    async fn describe(&self, object: &EntityName) -> Result<ObjectDescription, CrmError> {
        let described_at = self.date();
        let mut state = self.state();
        state.admit()?;
        let object = state.object(object)?;
        let described =
            |name: &str, is_calculated| FieldDescription { name: name.to_owned(), is_calculated, is_compound: false };
        let own = object.fields.iter().filter(|(_, field)| !field.is_hidden);
        let own = own.map(|(name, field)| described(name, field.is_calculated));
        let fields = SYSTEM_FIELDS.iter().map(|name| described(name, false)).chain(own).collect();
        Ok(ObjectDescription { fields, described_at })
    }

    async fn count(&self, object: &EntityName, window: ReadWindow) -> Result<u64, CrmError> {
        let mut state = self.state();
        state.admit()?;
        Ok(state.object(object)?.in_window(window).count() as u64)
    }

    async fn page(&self, query: &PageQuery) -> Result<RecordPage, CrmError> {
        let fetched_at = self.date();
        let mut state = self.state();
        state.admit()?;
        state.pages.push(query.clone());
        let is_cut = state.cut_pages > 0;
        state.cut_pages = state.cut_pages.saturating_sub(1);
        let object = state.object(&query.object)?;
        object.check(&query.fields)?;
        let most = usize::try_from(query.page_size).unwrap_or(usize::MAX);
        let (ids, next) = object.window(query.window, query.after.as_deref(), most);
        let fetched = ids.iter().filter_map(|id| object.fetched(query.object.as_str(), id, &query.fields));
        let mut records: Vec<_> = fetched.collect();
        if is_cut {
            records.pop();
        }
        Ok(RecordPage { records, next, fetched_at })
    }

    async fn ids(&self, query: &IdQuery) -> Result<IdPage, CrmError> {
        let fetched_at = self.date();
        let mut state = self.state();
        state.admit()?;
        let object = state.object(&query.object)?;
        let (ids, next) = object.window(query.window, query.after.as_deref(), IDS_PER_PAGE);
        Ok(IdPage { ids, next, fetched_at })
    }

    async fn records(
        &self,
        object: &EntityName,
        fields: &[String],
        ids: &[ExternalId],
    ) -> Result<RecordLookup, CrmError> {
        let fetched_at = self.date();
        let mut state = self.state();
        state.admit()?;
        let described = state.object(object)?;
        described.check(fields)?;
        let mut lookup = RecordLookup { found: Vec::new(), absent: Vec::new(), fetched_at };
        for id in ids {
            match described.fetched(object.as_str(), id, fields) {
                Some(record) => lookup.found.push(record),
                None => lookup.absent.push(id.clone()),
            }
        }
        Ok(lookup)
    }

    async fn alive(&self, object: &EntityName, ids: &[ExternalId]) -> Result<Vec<ExternalId>, CrmError> {
        let mut state = self.state();
        state.admit()?;
        let records = &state.object(object)?.records;
        let is_alive = |id: &&ExternalId| records.get(*id).is_some_and(|record| !record.is_deleted);
        Ok(ids.iter().filter(is_alive).cloned().collect())
    }

    async fn usage(&self) -> Result<Vec<QuotaUsage>, CrmError> {
        let state = self.state();
        if state.is_down {
            return Err(error(CrmErrorKind::Unavailable, "no answer"));
        }
        let used = state.calls + state.calls_by_others;
        Ok(vec![QuotaUsage { quota: Quota::ApiCalls, used, limit: state.daily_calls, resets_at: None }])
    }
}

fn error(kind: CrmErrorKind, message: impl Into<String>) -> CrmError {
    CrmError::new(kind, NAME, message)
}
