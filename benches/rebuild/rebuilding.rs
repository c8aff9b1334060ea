//! The rebuilding process: begun, killed, begun again, and its memory.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use annals_aws_rebuild::{Plan, RebuildError, RebuildOutcome, RebuildReport, RebuildSettings};
use annals_benches::peak_memory;
use anyhow::{Context, Result, bail, ensure};

use crate::live::PLAN_STANDS;
use crate::world::World;

/// The word by which this program is one that rebuilds.
pub const WORD: &str = "--rebuilding";

/// The settings of a rebuild beside projectors that read its plan each second.
pub fn settings() -> RebuildSettings {
    RebuildSettings {
        known_after: 2 * PLAN_STANDS + Duration::from_secs(1),
        checkpoint_every: Duration::from_millis(500),
        old_index_stays: Duration::from_secs(2),
        ..RebuildSettings::default()
    }
}

/// Begins a rebuild where none is under way, and goes on with it to its end.
pub async fn rebuild(world: &World, settings: RebuildSettings) -> Result<RebuildReport> {
    let rebuilder = world.search.rebuilder(&world.installation, settings);
    loop {
        match rebuilder.begin(Some("client")).await {
            Ok(_) | Err(RebuildError::Unfinished(_)) => {}
            // The one that was killed holds its lease until that has run out.
            Err(RebuildError::Held) => {
                tokio::time::sleep(Duration::from_millis(200)).await;
                continue;
            }
            Err(error) => return Err(error.into()),
        }
        let told = |plan: &Plan| eprintln!("{}", plan.counts.streams);
        match rebuilder.resume(std::future::pending(), &told).await? {
            RebuildOutcome::Done(report) => return Ok(report),
            outcome => bail!("the rebuild ended with {outcome:?}"),
        }
    }
}

/// A process of this program that rebuilds.
pub struct Rebuilding(Child);

impl Rebuilding {
    /// Starts one.
    pub fn start(name: &str) -> Result<Self> {
        let program = std::env::current_exe()?;
        let mut command = Command::new(program);
        let child = command.args([WORD, name]).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Ok(Self(child.context("the rebuilding process starts")?))
    }

    /// Kills it; whether it was still at work.
    pub fn kill(mut self) -> Result<bool> {
        let was_running = self.0.try_wait()?.is_none();
        self.0.kill()?;
        self.0.wait()?;
        Ok(was_running)
    }

    /// Waits for its end; its peak memory in bytes.
    pub async fn wait(mut self) -> Result<u64> {
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
