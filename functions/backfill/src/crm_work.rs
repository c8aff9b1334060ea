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

    /// Asks for what a schedule wants: the next minutes do it. Returns the number of objects.
    pub(crate) async fn ask(&self, schedule: Schedule) -> Result<usize, String> {
        let asked = match schedule {
            Schedule::Refresh => self.sync.request_everything().await,
            Schedule::Audit { sample } => self.audits.request(sample.filter(|sample| *sample > 0)).await,
        };
        asked.map_err(|error| format!("asking for scheduled reads: {}", log_chain(&error)))
    }

    /// Reads what is due, with two thirds of the time at most, and then goes on with audits.
    pub(crate) async fn run(&self, deadline: Instant) -> Result<CrmWorkReport, String> {
        let left = deadline.saturating_duration_since(Instant::now());
        let failure = |error: PortError| format!("reading the CRM: {}", log_chain(&error));
        let read = self.sync.run(Instant::now() + left * 2 / 3).await;
        let audit = self.audits.run(deadline).await.map_err(failure)?;
        let read = read.map_err(failure)?;
        if let Some(records) = audit.differences {
            record_audit_differences(records);
        }
        for reason in read.refetch.waiting.iter().chain(&read.backfill.stopped).chain(&audit.stopped) {
            tracing::warn!(reason, "records wait to be read");
        }
        Ok(CrmWorkReport { read, audit })
    }
}
