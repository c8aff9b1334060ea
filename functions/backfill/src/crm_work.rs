//! Reading the connected CRMs: what is due, and what a schedule asks for.

use annals_application::audit::{ScheduledAuditReport, ScheduledAudits};
use annals_application::log_chain;
use annals_application::ports::PortError;
use annals_application::sync::{CrmSync, CrmSyncReport};
use annals_lambda::telemetry::record_audit_differences;
use serde::Serialize;
use tokio::time::Instant;

use crate::schedule::Schedule;

pub(crate) struct CrmWork {
    sync: CrmSync,
    audits: ScheduledAudits,
}

#[derive(Debug, Default, Serialize)]
pub(crate) struct CrmWorkReport {
    #[serde(flatten)]
    read: CrmSyncReport,
    audit: ScheduledAuditReport,
}

impl CrmWork {
    pub(crate) fn new(sync: CrmSync, audits: ScheduledAudits) -> Self {
        Self { sync, audits }
    }

    /// Requests what a schedule says: the next minutes do it. Returns the number of objects.
    pub(crate) async fn request(&self, schedule: Schedule) -> Result<usize, String> {
        let requested = match schedule {
            Schedule::Refresh => self.sync.request_everything().await,
            Schedule::Audit { sample } => self.audits.request(sample.filter(|sample| *sample > 0)).await,
        };
        requested.map_err(|error| format!("requesting scheduled reads: {}", log_chain(&error)))
    }

    /// Reads what is due, with two thirds of the time at most, and then goes on with audits, also if reading failed.
    pub(crate) async fn run(&self, deadline: Instant) -> Result<CrmWorkReport, String> {
        let left = deadline.saturating_duration_since(Instant::now());
        let read = self.sync.run(Instant::now() + left * 2 / 3).await;
        let audit = self.audits.run(deadline).await;
        if let Some(records) = audit.as_ref().ok().and_then(|audit| audit.differences) {
            record_audit_differences(records);
        }
        joined(read, audit)
    }
}

fn joined(
    read: Result<CrmSyncReport, PortError>,
    audit: Result<ScheduledAuditReport, PortError>,
) -> Result<CrmWorkReport, String> {
    let failure = |work: &str, error: &PortError| format!("{work} the CRM: {}", log_chain(error));
    match (read, audit) {
        (Ok(read), Ok(audit)) => Ok(CrmWorkReport { read, audit }),
        (Err(read), Ok(_)) => Err(failure("reading", &read)),
        (Ok(_), Err(audit)) => Err(failure("comparing with", &audit)),
        (Err(read), Err(audit)) => Err(format!("{}; {}", failure("reading", &read), failure("comparing with", &audit))),
    }
}

#[cfg(test)]
mod tests {
    use annals_application::ports::PortErrorKind;

    use super::*;

    fn error(resource: &str) -> PortError {
        PortError::new(PortErrorKind::Unavailable, resource, "no answer")
    }

    #[test]
    fn no_failure_hides_another() {
        let failures = |read, audit| joined(read, audit).expect_err("one of them failed");
        let (read, audit) = ("reading the CRM: jobs: no answer", "comparing with the CRM: notes: no answer");
        assert_eq!(failures(Err(error("jobs")), Err(error("notes"))), format!("{read}; {audit}"));
        assert_eq!(failures(Err(error("jobs")), Ok(ScheduledAuditReport::default())), read);
        assert_eq!(failures(Ok(CrmSyncReport::default()), Err(error("notes"))), audit);
    }
}
