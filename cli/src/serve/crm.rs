//! Reading the connected CRMs while the process serves.

use std::convert::Infallible;
use std::time::Duration;

use annals_application::crm::CrmConnections;
use annals_application::log_chain;
use annals_application::sync::{CrmSync, SyncSchedule};
use annals_sqlite::process::LocalProcess;
use tokio::time::{Instant, MissedTickBehavior};

use crate::arguments::SyncInterval;
use crate::exit::Failure;
use crate::salesforce::GUIDE;

/// How often due work is looked for.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// The longest run: whoever requests a job sees it begin within this time.
const RUN: Duration = Duration::from_secs(60);

/// What reads the connected CRMs; `None` if none is connected.
pub(super) fn sync(
    process: &LocalProcess,
    connections: CrmConnections,
    interval: Option<SyncInterval>,
) -> Result<Option<CrmSync>, Failure> {
    if let Some(SyncInterval { provider, .. }) = interval
        && connections.get(provider).is_none()
    {
        return Err(Failure::usage(format!("no {provider} connection is set up to sync")).hint(GUIDE));
    }
    let schedule = interval.map(|interval| SyncSchedule::every(interval.every));
    Ok((!connections.is_empty()).then(|| process.crm_sync(connections, schedule)))
}

/// Reads what is due, for ever.
pub(super) async fn read(sync: Option<CrmSync>) -> Infallible {
    let Some(sync) = sync else { return std::future::pending().await };
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match sync.run(Instant::now() + RUN).await {
            Ok(report) => {
                for reason in report.refetch.waiting.iter().chain(&report.backfill.stopped) {
                    tracing::warn!(reason, "records wait to be read");
                }
            }
            Err(error) => tracing::error!(error = %log_chain(&error), "reading the CRM failed; trying again"),
        }
    }
}
