//! What a database on this machine depends on: definitions, the file, the read model, disk space.

use std::path::Path;

use annals_application::queries::{DependencyState, Health, HealthReport};
use annals_sqlite::process::{LocalProcess, ProcessError, PublishTo};
use rustix::fs::statvfs;

use super::accounts;
use super::check::Check;
use super::crm_notes;
use crate::arguments::Shared;
use crate::exit::Failure;
use crate::open::require_database;

/// What is read when a database is opened, in this order. After one that fails the next are not known.
const STEPS: [&str; 4] = ["settings", "definitions", "database", "read model"];

/// With less free space, storing may fail soon.
const MIN_FREE: u64 = 100 * 1024 * 1024;

pub(super) async fn checks(shared: &Shared) -> Result<Vec<Check>, Failure> {
    require_database(shared)?;
    let opened = LocalProcess::open_to_read(&shared.settings(PublishTo::Nowhere)).await;
    let mut checks = steps(opened.as_ref().err());
    if let Ok(process) = &opened {
        checks.extend(stores(&process.health.check().await));
        checks.extend(accounts::checks(&*process.accounts).await);
        checks.extend(crm_notes::checks(&*process.notes).await);
    }
    checks.push(match &opened {
        Ok(process) if process.is_read_only => read_only(),
        _ => disk_space(&shared.db),
    });
    Ok(checks)
}

fn read_only() -> Check {
    let remedy = "copy the file to another disk to ingest, serve or rebuild; get, list and history work here";
    Check::warning("disk space", "the database cannot be written: the file or its folder is read-only", remedy)
}

fn steps(error: Option<&ProcessError>) -> Vec<Check> {
    let failed_at = error.map_or(STEPS.len(), step_of);
    let check = |(number, name): (usize, &str)| match error {
        Some(error) if number == failed_at => {
            let failure = Failure::because(error);
            Check::wrong(name, failure.message(), remedy(error))
        }
        _ if number > failed_at => {
            Check::unknown(name, format!("not checked until the {} can be read", STEPS[failed_at]))
        }
        _ => Check::ok(name, "valid"),
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
        0 => "set --salesforce-org to the id of the org",
        1 => "correct the definition, or leave out --entities to use the built-in definitions",
        2 => "name another file with --db, or restore this one from a backup",
        _ => "`annals rebuild` creates it from the events with the current definitions",
    }
}

/// Whether the stores respond, what is pending in them, and how far the projections are behind.
fn stores(report: &HealthReport) -> Vec<Check> {
    // The lag below says more of projection than whether it is degraded.
    let shown = |state: &&DependencyState| match state.name.as_str() {
        "projection" => false,
        "publisher" => state.status == Health::Degraded,
        _ => true,
    };
    let mut checks: Vec<Check> = report.dependencies.iter().filter(shown).map(store).collect();
    if let Some(events) = report.lag_events.filter(|events| *events > 0) {
        let found = format!("{events} stored events are not projected yet");
        checks.push(Check::warning("projection", found, "the next command that writes projects them"));
    }
    checks
}

fn store(DependencyState { name, status, detail }: &DependencyState) -> Check {
    let name = match name.as_str() {
        "event_store" => "events",
        "state_store" => "state",
        "read_model" => "entities",
        other => other,
    };
    match status {
        Health::Ok => Check::ok(name, detail),
        Health::Degraded if name == "publisher" => {
            Check::warning(name, detail, "the next command that writes publishes them, if it has a publisher")
        }
        Health::Degraded => {
            Check::warning(name, detail, "`annals serve` retries parked projections and logs the cause")
        }
    }
}

fn disk_space(db: &Path) -> Check {
    let name = "disk space";
    let folder = db.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match (statvfs(folder), std::fs::metadata(db)) {
        (Ok(disk), Ok(file)) => judge_space(name, disk.f_bavail.saturating_mul(disk.f_frsize), file.len()),
        (Err(error), _) => Check::unknown(name, format!("the free space cannot be read: {error}")),
        (_, Err(error)) => Check::unknown(name, format!("the size of the file cannot be read: {error}")),
    }
}

/// A rebuild creates a second read model beside the first, at worst as large as the file.
fn judge_space(name: &str, free: u64, size: u64) -> Check {
    let mib = |bytes: u64| bytes / (1024 * 1024);
    let found = format!("{} MiB free, the database has {} MiB", mib(free), mib(size));
    if free < MIN_FREE {
        return Check::wrong(name, found, "free some space on this disk, or move the database to another");
    }
    if free < MIN_FREE + size {
        return Check::warning(name, found, "free some space before a rebuild, which may need as much again");
    }
    Check::ok(name, found)
}

#[cfg(test)]
mod tests {
    use super::super::check::Verdict;
    use super::*;

    #[test]
    fn space_is_needed_for_a_rebuild_too() {
        let mib = 1024 * 1024;
        let verdict = |free: u64, size: u64| judge_space("disk space", free * mib, size * mib).verdict;
        assert_eq!(verdict(99, 0), Verdict::Wrong);
        assert_eq!(verdict(150, 100), Verdict::Warning);
        assert_eq!(verdict(201, 100), Verdict::Ok);
    }
}
