//! Redriving: projecting parked records again.

use std::collections::HashSet;

use annals_domain::position::Version;
use tokio::time::Instant;

use super::failure::ProjectionFailure;
use super::projector::{BatchReport, ParkRequest, Projector};
use crate::ports::{ParkedProjection, PortError};

/// The number of parked records in one read of the list.
const LIST_PAGE: usize = 100;

/// The number of outages in a row that end a run. A single one may be caused by the record's own index,
/// this many are a general outage.
const MAX_OUTAGES_IN_A_ROW: usize = 5;

/// What became of parked records.
#[derive(Debug, Default)]
pub struct RedriveReport {
    pub redriven: usize,
    /// The number of records that were tried and are still parked.
    pub still_parked: usize,
    pub outage: Option<PortError>,
}

/// Projects parked records again.
///
/// Every parked record is tried, however many fail again: a record that was tried moves to the end of
/// the list. What succeeded is removed from the list page by page, so that it is not projected and
/// published once more.
pub struct Redriver<'a> {
    projector: &'a Projector,
}

impl<'a> Redriver<'a> {
    pub fn new(projector: &'a Projector) -> Self {
        Self { projector }
    }

    /// Tries each parked record once. Ends early at `until`, or after several outages in a row. Fails if
    /// the list of parked records cannot be read.
    pub async fn redrive_all(&self, until: Instant) -> Result<RedriveReport, PortError> {
        let (mut report, mut tried, mut in_a_row) = (RedriveReport::default(), HashSet::new(), 0);
        loop {
            let mut next = self.projector.parked().oldest(LIST_PAGE).await?;
            next.retain(|parked| !tried.contains(&parked.key));
            if next.is_empty() {
                return Ok(report);
            }
            for parked in next {
                if Instant::now() >= until {
                    return Ok(report);
                }
                in_a_row = if report.add(self.redrive(&parked).await) { in_a_row + 1 } else { 0 };
                if in_a_row == MAX_OUTAGES_IN_A_ROW {
                    return Ok(report);
                }
                tried.insert(parked.key);
            }
        }
    }

    /// Projects the parked versions of one record, page by page. What fails again stays parked, at the
    /// end of the list.
    pub async fn redrive(&self, parked: &ParkedProjection) -> Result<BatchReport, PortError> {
        let mut from = parked.from_version;
        loop {
            let page = match self.projector.loader().read(&parked.key, from, parked.to_version).await {
                Ok(page) => page,
                Err(failure) => return self.unreadable(parked, from, failure).await,
            };
            let last = page.last().map_or(parked.to_version, |stored| stored.event.version);
            let report = self.projector.project(page.into_iter().map(|stored| stored.event).collect()).await;
            if let Some((_, lowest, error)) = report.failed.first() {
                self.park_again(parked, *lowest, format!("not projected: {error}")).await?;
            }
            if !report.failed.is_empty() || report.parked > 0 {
                return Ok(report);
            }
            self.projector.parked().unpark(&parked.key, last).await?;
            if last >= parked.to_version {
                return Ok(report);
            }
            from = last.next();
        }
    }

    /// Parks a record again whose events cannot be read.
    async fn unreadable(
        &self,
        parked: &ParkedProjection,
        from: Version,
        failure: ProjectionFailure,
    ) -> Result<BatchReport, PortError> {
        match failure {
            ProjectionFailure::Poison(reason) => {
                self.park_again(parked, from, reason).await?;
                Ok(BatchReport { parked: 1, ..BatchReport::default() })
            }
            ProjectionFailure::Outage(error) => {
                self.park_again(parked, from, format!("not read: {error}")).await?;
                Err(error)
            }
        }
    }

    async fn park_again(&self, parked: &ParkedProjection, from: Version, reason: String) -> Result<(), PortError> {
        let ParkedProjection { key, to_version, .. } = parked;
        let request = ParkRequest { key: key.clone(), versions: (from, *to_version), reason, correlation_id: None };
        self.projector.park(request).await
    }
}

impl RedriveReport {
    /// Adds the result of one record. Returns whether it was an outage.
    fn add(&mut self, result: Result<BatchReport, PortError>) -> bool {
        let outage = match result {
            Ok(report) => {
                let is_projected = report.failed.is_empty() && report.parked == 0;
                self.redriven += usize::from(is_projected);
                self.still_parked += usize::from(!is_projected);
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
