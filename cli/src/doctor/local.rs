//! What a database of this machine depends on: definitions, the file, the read model, room.

use annals_application::queries::{DependencyState, Health, HealthReport};
use annals_sqlite::process::{LocalProcess, ProcessError, PublishTo};

use super::check::Check;
use super::space;
use crate::arguments::Shared;
use crate::exit::Failure;
use crate::opening::there_is;

/// What is put together when a database is opened, in that order: where one does not fit, those
/// behind it are not known.
const STEPS: [&str; 4] = ["settings", "definitions", "database", "read model"];

/// All checks.
pub(super) async fn checks(shared: &Shared) -> Result<Vec<Check>, Failure> {
    there_is(shared)?;
    let opened = LocalProcess::open(&shared.settings(PublishTo::Nowhere)).await;
    let mut checks = steps(opened.as_ref().err());
    if let Ok(process) = &opened {
        checks.extend(waiting(&process.health.check().await));
    }
    checks.push(space::check(&shared.db));
    Ok(checks)
}

fn steps(error: Option<&ProcessError>) -> Vec<Check> {
    let failed_at = error.map_or(STEPS.len(), step_of);
    let check = |(number, name): (usize, &str)| match error {
        Some(error) if number == failed_at => {
            let failure = Failure::because(error);
            Check::wrong(name, failure.message(), remedy(error))
        }
        _ if number > failed_at => Check::unknown(name, format!("it is looked at once the {} fit", STEPS[failed_at])),
        _ => Check::ok(name, "fit"),
    };
    STEPS.into_iter().enumerate().map(check).collect()
}

fn step_of(error: &ProcessError) -> usize {
    match error {
        ProcessError::SalesforceOrg(_) => 0,
        ProcessError::Definition(_) | ProcessError::Entities { .. } => 1,
        ProcessError::Open(_) | ProcessError::Port(_) | ProcessError::Publisher { .. } => 2,
        ProcessError::ReadModel(_) | ProcessError::RebuildOvertaken => 3,
    }
}

fn remedy(error: &ProcessError) -> &'static str {
    match step_of(error) {
        0 => "--salesforce-org names the org, by its id",
        1 => "mend the definition, or leave --entities out for those that ship",
        2 => "--db names another file; a backup has this one's events",
        _ => "`annals rebuild` makes it from the events, by the definitions of today",
    }
}

/// Whether the stores answer, what waits in them, and how far the projections are behind.
fn waiting(report: &HealthReport) -> Vec<Check> {
    let mut checks: Vec<Check> = report.dependencies.iter().map(store).collect();
    if let Some(events) = report.lag_events.filter(|events| *events > 0) {
        let found = format!("{events} events are stored and not projected yet");
        checks.push(Check::warning("projection", found, "the next command that writes catches up"));
    }
    checks
}

fn store(DependencyState { name, status, detail }: &DependencyState) -> Check {
    let on = match name.as_str() {
        "event_store" => "events",
        "state_store" => "what waits",
        "read_model" => "entities",
        other => other,
    };
    match status {
        Health::Ok => Check::ok(on, detail),
        Health::Degraded => Check::warning(on, detail, "`annals serve` tries again what is parked, and logs why"),
    }
}
