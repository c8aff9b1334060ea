//! The rebuilding process: begun, killed, begun again, and its memory.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use annals_aws::rebuild::{RebuildError, RebuildOutcome, RebuildPlan, RebuildReport, RebuildRequest, RebuildSettings};
use annals_benches::peak_memory;
use anyhow::{Context, Result, bail, ensure};

use crate::live::PLAN_STANDS;
use crate::world::World;

/// What is rebuilt.
const CLIENTS: RebuildRequest<'_> = RebuildRequest { name: Some("client"), leaves_out_failed: false };
/// How long a process may take to be at work, the lease of the one before it and its own wait included.
const LONGEST: Duration = Duration::from_secs(120);

/// The word by which this program is one that rebuilds.
pub(crate) const WORD: &str = "--rebuilding";

/// The settings of a rebuild beside projectors that read its plan each second. More segments than a table in AWS
/// needs: DynamoDB Local reads a segment from its beginning for each page, and keeps everyone waiting meanwhile.
pub(crate) fn settings() -> RebuildSettings {
    RebuildSettings {
        known_after: 2 * PLAN_STANDS + Duration::from_secs(1),
        checkpoint_interval: Duration::from_millis(200),
        segments: 256,
        old_index_retention: Duration::from_secs(2),
        ..RebuildSettings::default()
    }
}

/// Begins a rebuild where none is under way, and goes on with it to its end.
pub(crate) async fn rebuild(world: &World, settings: RebuildSettings) -> Result<RebuildReport> {
    let rebuilder = world.search.rebuilder(&world.installation, settings);
    loop {
        match rebuilder.begin(&CLIENTS).await {
            Ok(_) | Err(RebuildError::Unfinished(_)) => {}
            // The one that was killed holds its lease until that has run out.
            Err(RebuildError::AlreadyRunning) => {
                tokio::time::sleep(Duration::from_millis(200)).await;
                continue;
            }
            Err(error) => return Err(error.into()),
        }
        let told = |plan: &RebuildPlan| eprintln!("{}", plan.counts.streams);
        match rebuilder.resume(std::future::pending(), &told).await? {
            RebuildOutcome::Finished(report) => return Ok(report),
            outcome => bail!("the rebuild ended with {outcome:?}"),
        }
    }
}

/// A process of this program that rebuilds.
pub(crate) struct Rebuilding(Child);

impl Rebuilding {
    /// Starts one.
    pub(crate) fn start(name: &str) -> Result<Self> {
        let program = std::env::current_exe()?;
        let mut command = Command::new(program);
        let child = command.args([WORD, name]).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Ok(Self(child.context("the rebuilding process starts")?))
    }

    /// Waits until it has come past what was there before by so many records; how many there are then. One
    /// that begins anew comes by less than was there.
    pub(crate) async fn goes_on(&self, world: &World, behind: u64, by: u64) -> Result<u64> {
        let deadline = Instant::now() + LONGEST;
        while Instant::now() < deadline {
            if let Some(text) = world.installation.state.leases.checkpoint("rebuild").await? {
                let streams = serde_json::from_str::<RebuildPlan>(&text)?.counts.streams;
                ensure!(streams >= behind, "it began anew: {streams} records, {behind} were done");
                if streams >= behind + by {
                    return Ok(streams);
                }
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        bail!("it is not at work")
    }

    /// Kills it at its work; its peak memory in bytes.
    pub(crate) fn kill(mut self) -> Result<u64> {
        ensure!(self.0.try_wait()?.is_none(), "it was done before it was killed");
        let peak = peak_memory(self.0.id());
        self.0.kill()?;
        self.0.wait()?;
        Ok(peak)
    }

    /// Waits for its end; its peak memory in bytes.
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
