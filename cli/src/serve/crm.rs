//! Reading the connected CRMs while the process serves.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use annals_application::crm::CrmConnections;
use annals_application::log_chain;
use annals_application::sync::{CrmSync, SyncSchedule};
use annals_application::work_status::WorkStatus;
use annals_sqlite::process::LocalProcess;
use futures::FutureExt;
use tokio::time::{Instant, MissedTickBehavior};

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
    schedule: Option<SyncSchedule>,
) -> Result<Option<CrmSync>, Failure> {
    let schedule = schedule.unwrap_or_default();
    let checked = schedule.check(&process.catalog, &connections.providers().collect());
    checked.map_err(|error| Failure::usage(error.to_string()).hint(GUIDE))?;
    Ok((!connections.is_empty()).then(|| process.crm_sync(connections, Some(schedule))))
}

/// Reads what is due, for ever: neither an error nor a panic ends it.
pub(super) async fn read(sync: Option<CrmSync>, status: &WorkStatus) -> Infallible {
    let Some(sync) = sync else { return std::future::pending().await };
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match AssertUnwindSafe(sync.run(Instant::now() + RUN)).catch_unwind().await {
            Ok(Ok(_)) => status.succeeded(),
            Ok(Err(error)) => {
                status.failed(error.message.clone());
                tracing::error!(error = %log_chain(&error), "reading the CRM failed; trying again");
            }
            Err(_) => {
                status.panicked();
                tracing::error!("reading the CRM ended unexpectedly; starting again");
            }
        }
    }
}
