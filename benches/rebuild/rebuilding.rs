//! The rebuilding process: begun, killed, begun again, and its memory.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use annals_aws_rebuild::{Plan, RebuildError, RebuildOutcome, RebuildReport, RebuildSettings};
use anyhow::{Context, Result, bail};

use crate::live::PLAN_STANDS;
use crate::world::{Names, World};

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
        match rebuilder.resume(None, &told).await? {
            RebuildOutcome::Done(report) => return Ok(report),
            outcome => bail!("the rebuild ended with {outcome:?}"),
        }
    }
}

/// A process of this program that rebuilds.
pub struct Rebuilding(Child);

impl Rebuilding {
    /// Starts one.
    pub fn start(names: &Names) -> Result<Self> {
        let program = std::env::current_exe()?;
        let mut command = Command::new(program);
        let child = command.args([WORD, &names.0]).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Ok(Self(child.context("the rebuilding process starts")?))
    }

    /// Kills it; whether it was still at work.
    pub fn kill(mut self) -> Result<bool> {
        let was_running = self.0.try_wait()?.is_none();
        self.0.kill()?;
        self.0.wait()?;
        Ok(was_running)
    }

    /// Waits for its end; its time from here, and its peak memory in bytes.
    pub async fn wait(mut self) -> Result<(Duration, u64)> {
        let (start, status) = (Instant::now(), format!("/proc/{}/status", self.0.id()));
        let mut peak = 0;
        loop {
            peak = peak.max(peak_memory(Path::new(&status)));
            if let Some(exit) = self.0.try_wait()? {
                anyhow::ensure!(exit.success(), "the rebuilding process ended with {exit}");
                return Ok((start.elapsed(), peak));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn peak_memory(status: &Path) -> u64 {
    let text = std::fs::read_to_string(status).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1_024
}
