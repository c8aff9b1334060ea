//! The process that rebuilds: started, killed and started again, with its memory measured.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use annals_aws::rebuild::{RebuildError, RebuildOutcome, RebuildPlan, RebuildReport, RebuildRequest, RebuildSettings};
use annals_benches::peak_memory;
use anyhow::{Context, Result, bail, ensure};

use crate::fixture::Fixture;
use crate::live::PLAN_CACHE_TIME;

const CLIENTS: RebuildRequest<'_> = RebuildRequest { name: Some("client"), leaves_out_failed: false };
/// The time limit until a process makes progress, including the rest of the lease of the process before it.
const TIME_LIMIT: Duration = Duration::from_secs(120);

/// The argument that makes this program the process that rebuilds.
pub(crate) const ARGUMENT: &str = "--rebuilding";

/// The settings of a rebuild beside projectors that read its plan each second. It has more segments than a table in
/// AWS needs: DynamoDB Local reads a segment from its start for each page, and blocks all other calls meanwhile.
pub(crate) fn settings() -> RebuildSettings {
    RebuildSettings {
        known_after: 2 * PLAN_CACHE_TIME + Duration::from_secs(1),
        checkpoint_interval: Duration::from_millis(200),
        segments: 256,
        old_index_retention: Duration::from_secs(2),
        ..RebuildSettings::default()
    }
}

/// Starts a rebuild, or continues an unfinished one, to its end.
pub(crate) async fn rebuild(fixture: &Fixture, settings: RebuildSettings) -> Result<RebuildReport> {
    let rebuilder = fixture.search.rebuilder(&fixture.installation, settings);
    loop {
        match rebuilder.begin(&CLIENTS).await {
            Ok(_) | Err(RebuildError::Unfinished(_)) => {}
            // The killed process holds its lease until it expires.
            Err(RebuildError::AlreadyRunning) => {
                tokio::time::sleep(Duration::from_millis(200)).await;
                continue;
            }
            Err(error) => return Err(error.into()),
        }
        let on_progress = |plan: &RebuildPlan| eprintln!("{}", plan.counts.streams);
        match rebuilder.resume(std::future::pending(), &on_progress).await? {
            RebuildOutcome::Finished(report) => return Ok(report),
            outcome => bail!("the rebuild ended with {outcome:?}"),
        }
    }
}

/// A child process of this program that rebuilds.
pub(crate) struct Rebuilding(Child);

impl Rebuilding {
    pub(crate) fn start(name: &str) -> Result<Self> {
        let program = std::env::current_exe()?;
        let mut command = Command::new(program);
        let child = command.args([ARGUMENT, name]).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Ok(Self(child.context("the rebuilding process starts")?))
    }

    /// Waits until `by` more records than `before` are done, and returns their number. A process that starts from the
    /// beginning has fewer than before.
    pub(crate) async fn makes_progress(&self, fixture: &Fixture, before: u64, by: u64) -> Result<u64> {
        let deadline = Instant::now() + TIME_LIMIT;
        while Instant::now() < deadline {
            if let Some(text) = fixture.installation.state.leases.checkpoint("rebuild").await? {
                let streams = serde_json::from_str::<RebuildPlan>(&text)?.counts.streams;
                ensure!(streams >= before, "it started from the beginning: {streams} records, {before} before");
                if streams >= before + by {
                    return Ok(streams);
                }
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        bail!("the rebuild makes no progress")
    }

    /// Kills it before its end. Returns its peak memory in bytes.
    pub(crate) fn kill(mut self) -> Result<u64> {
        ensure!(self.0.try_wait()?.is_none(), "it ended before it was killed");
        let peak = peak_memory(self.0.id());
        self.0.kill()?;
        self.0.wait()?;
        Ok(peak)
    }

    /// Waits for its end. Returns its peak memory in bytes.
    pub(crate) async fn wait(mut self) -> Result<u64> {
        let mut peak = 0;
        loop {
            peak = peak.max(peak_memory(self.0.id()));
            if let Some(exit) = self.0.try_wait()? {
                ensure!(exit.success(), "the rebuilding process ended with {exit}");
                return Ok(peak);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
