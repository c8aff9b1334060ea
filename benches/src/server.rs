//! A running `annals serve`, watched for its memory and its write-ahead log.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::client::Client;
use crate::peak_memory;

/// How long the projections may take to catch up once nobody writes any more.
const CATCH_UP_TIMEOUT: Duration = Duration::from_secs(60);

/// The process.
pub struct Server {
    child: Child,
    /// Where it serves, as `host:port`.
    pub address: String,
    watch: Watch,
}

/// The most of each, in bytes.
pub struct Peaks {
    /// Of the process.
    pub memory: u64,
    /// Of the write-ahead log.
    pub log: u64,
}

struct Watch {
    log: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Watch {
    fn start(log: PathBuf) -> Self {
        let (most, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (seen, stopped) = (Arc::clone(&most), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                seen.fetch_max(std::fs::metadata(&log).map_or(0, |log| log.len()), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(10));
            }
        });
        Self { log: most, stop, thread }
    }
}

impl Server {
    /// Serves the database in that folder, with these variables beside those of this process.
    pub fn start(annals: &Path, folder: &Path, variables: &[(&str, String)]) -> Result<Self> {
        let mut command = Command::new(annals);
        command.args(["serve", "--listen", "127.0.0.1:0"]).current_dir(folder).stdout(Stdio::piped());
        let mut child = command.envs(variables.iter().cloned()).spawn()?;
        let lines = BufReader::new(child.stdout.take().context("it is piped")?).lines();
        let address = lines
            .map_while(Result::ok)
            .find_map(|line| line.trim().strip_prefix("serving http://")?.split(' ').next().map(str::to_owned));
        let address = address.context("the server ended before it served")?;
        Ok(Self { child, address, watch: Watch::start(folder.join("annals.db-wal")) })
    }

    /// Waits until everything is projected and published, then stops it.
    pub fn stop(mut self) -> Result<Peaks> {
        let begin = Instant::now();
        while !self.has_caught_up()? {
            ensure!(begin.elapsed() < CATCH_UP_TIMEOUT, "the projections do not catch up");
            std::thread::sleep(Duration::from_millis(100));
        }
        let memory = peak_memory(self.child.id());
        let stopped = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status()?;
        ensure!(stopped.success(), "the server cannot be stopped");
        ensure!(self.child.wait()?.success(), "the server did not end well");
        self.watch.stop.store(true, Ordering::Relaxed);
        self.watch.thread.join().expect("no panic");
        Ok(Peaks { memory, log: self.watch.log.load(Ordering::Relaxed) })
    }

    fn has_caught_up(&self) -> Result<bool> {
        let report: Value = serde_json::from_str(&Client::connect(&self.address)?.get("/health")?.body)?;
        let parts = report["dependencies"].as_array().context("a health report has parts")?;
        let details: Vec<&str> = parts.iter().filter_map(|part| part["detail"].as_str()).collect();
        Ok(["0 events not projected", "0 events not published"].iter().all(|done| details.contains(done)))
    }
}
