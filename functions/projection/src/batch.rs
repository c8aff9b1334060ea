//! One batch of the stream, projected.
//!
//! Promises the event source mapping's own protocol: what an outage kept back is named by its
//! sequence numbers and comes again; what fails by itself is parked and counts as done. Nothing
//! waits in the stream until it is dropped: past a limit of age it is parked too.

use std::sync::Arc;
use std::time::Duration;

use annals_application::log_chain;
use annals_application::ports::{Clock, PortError};
use annals_application::projection::{ParkRequest, Projector};
use annals_domain::identity::EntityKey;
use annals_domain::position::Version;
use annals_domain::timestamp::Timestamp;
use annals_lambda::telemetry::{Count, lags};
use annals_lambda::{Invocation, InvocationFailed};
use serde::Serialize;

use crate::lag::LagTeller;
use crate::record::{Appended, Batch, Record};

/// How old a record may be and still be tried again. The mapping drops it at 6 hours of age; parked
/// before that, it is redriven by name for as long as it takes.
const LONGEST_IN_STREAM: Duration = Duration::from_secs(5 * 3_600);

/// Projects batches.
pub(crate) struct StreamProjection {
    projector: Projector,
    lag: LagTeller,
    clock: Arc<dyn Clock>,
}

/// The records that are to come again.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BatchAnswer {
    batch_item_failures: Vec<ItemFailure>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ItemFailure {
    item_identifier: String,
}

impl BatchAnswer {
    fn again(&mut self, sequence: &str) {
        self.batch_item_failures.push(ItemFailure { item_identifier: sequence.to_owned() });
    }
}

impl StreamProjection {
    /// Through that projector, telling how far behind it is.
    pub(crate) fn new(projector: Projector, lag: LagTeller, clock: Arc<dyn Clock>) -> Self {
        Self { projector, lag, clock }
    }

    /// Projects one batch.
    pub(crate) async fn project(&self, invocation: Invocation) -> Result<BatchAnswer, InvocationFailed> {
        let batch: Batch = serde_json::from_str(invocation.payload.get())
            .map_err(|error| InvocationFailed::unreadable("no batch of a DynamoDB stream", &error))?;
        let work = self.records(batch);
        // Better to name the whole batch than to be stopped in its middle without a word.
        let done = tokio::time::timeout_at(invocation.deadline, work).await;
        done.map_err(|_| InvocationFailed("the batch was not done in time; it comes again".to_owned()))
    }

    async fn records(&self, batch: Batch) -> BatchAnswer {
        let mut answer = BatchAnswer::default();
        let mut appended = Vec::new();
        for raw in &batch.records {
            match Record::read(raw) {
                Record::Appended(record) => appended.push(record),
                Record::Unreadable { key, version, sequence, reason } => {
                    self.unreadable(&key, version, &sequence, reason, &mut answer).await;
                }
                Record::Foreign(what) => {
                    Count::ForeignRecords.add(1);
                    tracing::error!(what, "a stream record that no append makes");
                }
            }
        }
        let events = appended.iter().map(|record| Arc::clone(&record.stored.event)).collect();
        let report = self.projector.project(events).await;
        Count::Projected.add(report.projected);
        Count::Parked.add(report.parked);
        let mut waits_since = None;
        for (key, lowest, error) in &report.failed {
            let since = self.kept_back(key, *lowest, error, &appended, &mut answer).await;
            waits_since = waits_since.into_iter().chain(since).min();
        }
        if !appended.is_empty() {
            self.tell_lags(&appended, &report.failed, waits_since).await;
        }
        answer
    }

    async fn unreadable(
        &self,
        key: &EntityKey,
        version: Version,
        sequence: &str,
        reason: String,
        answer: &mut BatchAnswer,
    ) {
        Count::Parked.add(1);
        // What cannot be read has no correlation id.
        let parking = ParkRequest { key: key.clone(), versions: (version, version), reason, correlation_id: None };
        if let Err(error) = self.projector.park(parking).await {
            tracing::error!(aggregate = %key, version = version.get(), error = %log_chain(&error), "not parked");
            answer.again(sequence);
        }
    }

    /// A record's events that an outage kept back: they come again, or are parked where they have
    /// come for too long. When the oldest that is to come again was stored.
    async fn kept_back(
        &self,
        key: &EntityKey,
        lowest: Version,
        error: &PortError,
        appended: &[Appended],
        answer: &mut BatchAnswer,
    ) -> Option<Timestamp> {
        let is_of_it = |record: &&Appended| record.stored.event.version >= lowest && record.stored.event.key() == *key;
        let records: Vec<&Appended> = appended.iter().filter(is_of_it).collect();
        let newest = records.iter().max_by_key(|record| record.stored.event.version).map(|record| &record.stored.event);
        let correlation_id = newest.and_then(|event| event.metadata.correlation_id.as_deref());
        let version = lowest.get();
        tracing::warn!(aggregate = %key, version, correlation_id, error = %log_chain(error), "not projected");
        if records.iter().any(|record| self.is_too_old(record)) {
            let highest = newest.map_or(lowest, |event| event.version);
            let reason = format!("not projected for hours: {error}");
            let correlation = correlation_id.map(str::to_owned);
            let versions = (lowest, highest);
            match self
                .projector
                .park(ParkRequest { key: key.clone(), versions, reason, correlation_id: correlation })
                .await
            {
                Ok(()) => {
                    Count::Parked.add(1);
                    return None;
                }
                Err(error) => {
                    tracing::error!(aggregate = %key, version, correlation_id, error = %log_chain(&error), "not parked");
                }
            }
        }
        for record in &records {
            answer.again(&record.sequence);
        }
        records.iter().map(|record| record.stored.event.recorded_at).min()
    }

    fn is_too_old(&self, record: &Appended) -> bool {
        let age = record.since.map_or(0, |since| self.clock.now().millis() - since.millis());
        u128::try_from(age).is_ok_and(|age| age > LONGEST_IN_STREAM.as_millis())
    }

    async fn tell_lags(
        &self,
        appended: &[Appended],
        failed: &[(EntityKey, Version, PortError)],
        waits_since: Option<Timestamp>,
    ) {
        let now = self.clock.now();
        let is_done = |record: &&Appended| !failed.iter().any(|(key, ..)| *key == record.stored.event.key());
        let done = appended.iter().filter(is_done);
        let millis: Vec<i64> = done.map(|record| now.millis() - record.stored.event.recorded_at.millis()).collect();
        let most = millis.iter().max().map_or(0, |most| u64::try_from(*most).unwrap_or(0));
        lags(millis);
        self.lag.tell(now, most, waits_since).await;
    }
}
