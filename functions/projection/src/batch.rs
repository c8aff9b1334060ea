//! Projecting one batch of the stream.
//!
//! The response lists the sequence numbers of the events that an outage kept from being projected; the event source
//! mapping sends these again. A projection that fails by itself is parked and counts as done. Events that have been
//! retried for too long are parked too, before the mapping would drop them.

use std::sync::Arc;
use std::time::Duration;

use annals_application::log_chain;
use annals_application::ports::{Clock, PortError};
use annals_application::projection::{ParkRequest, Projector};
use annals_domain::identity::EntityKey;
use annals_domain::position::Version;
use annals_domain::timestamp::Timestamp;
use annals_lambda::telemetry::{Count, record_lags};
use annals_lambda::{Invocation, InvocationFailed};
use aws_lambda_events::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};

use crate::lag::LagReporter;
use crate::record::{Appended, Batch, Record};

/// The age up to which a record is retried. The mapping drops a record at an age of 6 hours; if it is parked before
/// that, it is redriven for as long as it takes.
const MAX_RETRY_AGE: Duration = Duration::from_secs(5 * 3_600);

pub(crate) struct StreamProjection {
    projector: Projector,
    lag: LagReporter,
    clock: Arc<dyn Clock>,
}

impl StreamProjection {
    pub(crate) fn new(projector: Projector, lag: LagReporter, clock: Arc<dyn Clock>) -> Self {
        Self { projector, lag, clock }
    }

    pub(crate) async fn project(&self, invocation: Invocation) -> Result<DynamoDbEventResponse, InvocationFailed> {
        let batch: Batch = serde_json::from_str(invocation.payload.get()).map_err(|error| {
            InvocationFailed::unreadable("not a batch of a DynamoDB stream: unexpected JSON", &error)
        })?;
        // Failing the whole batch here is better than Lambda's timeout, which ends the process without a report.
        let response = tokio::time::timeout_at(invocation.deadline, self.project_records(batch)).await;
        response.map_err(|_| InvocationFailed("deadline reached; the whole batch is retried".to_owned()))
    }

    async fn project_records(&self, batch: Batch) -> DynamoDbEventResponse {
        let mut response = DynamoDbEventResponse::default();
        let mut appended = Vec::new();
        for raw in &batch.records {
            match Record::read(raw) {
                Record::Appended(record) => appended.push(record),
                Record::Unreadable { key, version, sequence, reason } => {
                    self.park_unreadable(&key, version, &sequence, reason, &mut response).await;
                }
                Record::Foreign(what) => {
                    Count::ForeignRecords.add(1);
                    tracing::error!(what, "unexpected stream record");
                }
            }
        }
        let events = appended.iter().map(|record| Arc::clone(&record.stored.event)).collect();
        let report = self.projector.project(events).await;
        Count::Projected.add(report.projected);
        Count::Parked.add(report.parked);
        let mut waiting_since = None;
        for (key, lowest, error) in &report.failed {
            let since = self.return_to_stream(key, *lowest, error, &appended, &mut response).await;
            waiting_since = waiting_since.into_iter().chain(since).min();
        }
        if !appended.is_empty() {
            self.report_lags(&appended, &report.failed, waiting_since).await;
        }
        response
    }

    async fn park_unreadable(
        &self,
        key: &EntityKey,
        version: Version,
        sequence: &str,
        reason: String,
        response: &mut DynamoDbEventResponse,
    ) {
        Count::Parked.add(1);
        // The correlation id is unknown, because the event cannot be read.
        let parking = ParkRequest { key: key.clone(), versions: (version, version), reason, correlation_id: None };
        if let Err(error) = self.projector.park(parking).await {
            tracing::error!(entity_key = %key, version = version.get(), error = %log_chain(&error), "not parked");
            add_failure(response, sequence);
        }
    }

    /// Returns the events of a record that an outage kept from being projected to the stream, or parks them if they are
    /// too old. Returns when the oldest returned event was stored.
    async fn return_to_stream(
        &self,
        key: &EntityKey,
        lowest: Version,
        error: &PortError,
        appended: &[Appended],
        response: &mut DynamoDbEventResponse,
    ) -> Option<Timestamp> {
        let is_of_stream =
            |record: &&Appended| record.stored.event.version >= lowest && record.stored.event.key() == *key;
        let records: Vec<&Appended> = appended.iter().filter(is_of_stream).collect();
        let newest = records.iter().max_by_key(|record| record.stored.event.version).map(|record| &record.stored.event);
        let correlation_id = newest.and_then(|event| event.metadata.correlation_id.as_deref());
        let version = lowest.get();
        tracing::warn!(entity_key = %key, version, correlation_id, error = %log_chain(error), "not projected");
        if records.iter().any(|record| self.is_too_old(record)) {
            let highest = newest.map_or(lowest, |event| event.version);
            let reason = format!("not projected for hours: {error}");
            let correlation = correlation_id.map(str::to_owned);
            let versions = (lowest, highest);
            let parking = ParkRequest { key: key.clone(), versions, reason, correlation_id: correlation };
            match self.projector.park(parking).await {
                Ok(()) => {
                    Count::Parked.add(1);
                    return None;
                }
                Err(error) => {
                    tracing::error!(entity_key = %key, version, correlation_id, error = %log_chain(&error), "not parked");
                }
            }
        }
        for record in &records {
            add_failure(response, &record.sequence);
        }
        records.iter().map(|record| record.stored.event.recorded_at).min()
    }

    fn is_too_old(&self, record: &Appended) -> bool {
        let age = record.entered_at.map_or(0, |entered| self.clock.now().millis() - entered.millis());
        u128::try_from(age).is_ok_and(|age| age > MAX_RETRY_AGE.as_millis())
    }

    async fn report_lags(
        &self,
        appended: &[Appended],
        failed: &[(EntityKey, Version, PortError)],
        waiting_since: Option<Timestamp>,
    ) {
        let now = self.clock.now();
        let is_done = |record: &&Appended| !failed.iter().any(|(key, ..)| *key == record.stored.event.key());
        let done = appended.iter().filter(is_done);
        let millis: Vec<i64> = done.map(|record| now.millis() - record.stored.event.recorded_at.millis()).collect();
        let longest = millis.iter().max().map_or(0, |longest| u64::try_from(*longest).unwrap_or(0));
        record_lags(millis);
        self.lag.report(now, longest, waiting_since).await;
    }
}

/// Makes the mapping send the record again. An empty sequence number fails the whole batch, which is sent again then.
fn add_failure(response: &mut DynamoDbEventResponse, sequence: &str) {
    let mut failure = DynamoDbBatchItemFailure::default();
    failure.item_identifier = Some(sequence.to_owned());
    response.batch_item_failures.push(failure);
}
