//! Parked records: setting aside what fails by itself, and trying it again.
//!
//! Promises that each parked record has its turn, however many fail again: whatever was tried goes
//! behind the others. What went well is forgotten page by page, so that it is not projected, and not
//! announced, once more. That a record is projected by its turn is not promised: its cause may stand.

use std::collections::HashSet;

use annals_domain::identity::EntityKey;
use annals_domain::position::Version;
use tokio::time::Instant;

use super::ProjectionFailure;
use super::projector::{BatchReport, Projector};
use crate::ports::{JobOutcome, JobReport, ParkedProjection, PortError, ProjectionJob};

/// How many parked records are looked up at once.
const LISTED: usize = 100;

/// How many outages in a row end a run: one may be of a record's own index, so many are the world's.
const OUTAGES: usize = 5;

/// What is to be parked of a record, and why.
#[derive(Debug)]
pub struct ParkRequest {
    /// The record.
    pub key: EntityKey,
    /// The lowest and the highest version that are not projected.
    pub versions: (Version, Version),
    /// Why.
    pub reason: String,
    /// The newest event's correlation id, where it is known.
    pub correlation_id: Option<String>,
}

/// What came of trying parked records again.
#[derive(Debug, Default)]
pub struct RedriveReport {
    /// How many were projected.
    pub redriven: usize,
    /// How many were tried and stay parked.
    pub still_parked: usize,
    /// The first outage that kept one back.
    pub outage: Option<PortError>,
}

impl Projector {
    /// Parks versions of a record, to be redriven.
    pub async fn park(&self, parking: ParkRequest) -> Result<(), PortError> {
        let ParkRequest { key, versions: (from_version, to_version), reason, correlation_id } = parking;
        let now = self.ports.clock.now();
        let parked =
            ParkedProjection { key: key.clone(), from_version, to_version, reason: reason.clone(), parked_at: now };
        self.ports.parked.park(parked).await?;
        tracing::error!(aggregate = %key, version = from_version.get(), correlation_id, reason, "projection parked");
        let job = ProjectionJob {
            job_id: self.ports.ids.fresh(),
            projection: "all",
            key,
            from_version,
            to_version,
            correlation_id,
            created_at: now,
        };
        self.ports.jobs.record(&[JobReport { job, outcome: JobOutcome::Parked { reason } }]).await;
        Ok(())
    }

    /// What is parked, up to `limit`: first what was parked, or tried again, longest ago.
    pub async fn parked(&self, limit: usize) -> Result<Vec<ParkedProjection>, PortError> {
        self.ports.parked.oldest(limit).await
    }

    /// Tries each parked record once, until all had their turn, the time is over, or only outages
    /// come. Fails where what is parked cannot be listed.
    pub async fn redrive_parked(&self, until: Instant) -> Result<RedriveReport, PortError> {
        let (mut run, mut tried, mut in_a_row) = (RedriveReport::default(), HashSet::new(), 0);
        loop {
            let mut next = self.parked(LISTED).await?;
            next.retain(|parked| !tried.contains(&parked.key));
            if next.is_empty() {
                return Ok(run);
            }
            for parked in next {
                if Instant::now() >= until {
                    return Ok(run);
                }
                in_a_row = if run.count(self.redrive(&parked).await) { in_a_row + 1 } else { 0 };
                if in_a_row == OUTAGES {
                    return Ok(run);
                }
                tried.insert(parked.key);
            }
        }
    }

    /// Projects again what is parked of a record, and forgets what went well. The rest is behind the
    /// other parked records then.
    pub async fn redrive(&self, parked: &ParkedProjection) -> Result<BatchReport, PortError> {
        let mut from = parked.from_version;
        loop {
            let page = match self.loader().read(&parked.key, from, parked.to_version).await {
                Ok(page) => page,
                Err(failure) => return self.unread(parked, from, failure).await,
            };
            let last = page.last().map_or(parked.to_version, |stored| stored.event.version);
            let report = self.project(page.into_iter().map(|stored| stored.event).collect()).await;
            if let Some((_, lowest, error)) = report.failed.first() {
                self.put_behind(parked, *lowest, format!("not projected: {error}")).await?;
            }
            if !report.failed.is_empty() || report.parked > 0 {
                return Ok(report);
            }
            self.ports.parked.unpark(&parked.key, last).await?;
            if last >= parked.to_version {
                return Ok(report);
            }
            from = last.next();
        }
    }

    /// A parked record whose events cannot be read.
    async fn unread(
        &self,
        parked: &ParkedProjection,
        from: Version,
        failure: ProjectionFailure,
    ) -> Result<BatchReport, PortError> {
        match failure {
            ProjectionFailure::Poison(reason) => {
                self.put_behind(parked, from, reason).await?;
                Ok(BatchReport { parked: 1, ..BatchReport::default() })
            }
            ProjectionFailure::Outage(error) => {
                self.put_behind(parked, from, format!("not read: {error}")).await?;
                Err(error)
            }
        }
    }

    async fn put_behind(&self, parked: &ParkedProjection, from: Version, reason: String) -> Result<(), PortError> {
        let ParkedProjection { key, to_version, .. } = parked;
        let parking = ParkRequest { key: key.clone(), versions: (from, *to_version), reason, correlation_id: None };
        self.park(parking).await
    }
}

impl RedriveReport {
    /// Counts what came of one record; whether that was an outage.
    fn count(&mut self, tried: Result<BatchReport, PortError>) -> bool {
        let outage = match tried {
            Ok(report) => {
                let is_done = report.failed.is_empty() && report.parked == 0;
                self.redriven += usize::from(is_done);
                self.still_parked += usize::from(!is_done);
                report.failed.into_iter().next().map(|(.., error)| error)
            }
            Err(error) => {
                self.still_parked += 1;
                Some(error)
            }
        };
        let is_outage = outage.is_some();
        self.outage = self.outage.take().or(outage);
        is_outage
    }
}
