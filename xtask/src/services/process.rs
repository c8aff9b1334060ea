//! A process that outlives this one.
//!
//! It has its own process group, no terminal and none of our pipes. If the system has given its id to another process,
//! that process is not mistaken for it.

use std::fmt;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

/// How long it may take to end after a signal.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(100);

/// A process by its id and its start time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Process {
    id: u32,
    born: String,
}

impl Process {
    /// Starts the command, its output going to `log`.
    pub(super) fn start(mut command: Command, log: File) -> Result<Self> {
        let both = log.try_clone().context("the log cannot be shared")?;
        command.stdin(Stdio::null()).stdout(log).stderr(both).process_group(0);
        let program = command.get_program().to_string_lossy().into_owned();
        let id = command.spawn().with_context(|| format!("`{program}` did not start"))?.id();
        // A process that ended at once has no start time: it counts as ended, and its log says why.
        Ok(Self { id, born: born(id).unwrap_or_default() })
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let (id, born) = text.split_once(' ')?;
        Some(Self { id: id.parse().ok()?, born: born.to_owned() })
    }

    pub(super) fn id(&self) -> u32 {
        self.id
    }

    pub(super) fn is_alive(&self) -> bool {
        born(self.id).is_some_and(|born| born == self.born)
    }

    /// Sends TERM to its group, and KILL if it does not end in time.
    pub(super) fn stop(&self) -> Result<()> {
        for signal in ["TERM", "KILL"] {
            self.signal(signal)?;
            let asked = Instant::now();
            while self.is_alive() && asked.elapsed() < STOP_TIMEOUT {
                std::thread::sleep(PAUSE);
            }
            if !self.is_alive() {
                return Ok(());
            }
        }
        anyhow::bail!("process {} did not end after SIGKILL", self.id)
    }

    /// With the shell's own `kill`: a bare machine has no other.
    fn signal(&self, signal: &str) -> Result<()> {
        let script = format!("kill -s {signal} -- -{}", self.id);
        let status =
            Command::new("sh").args(["-c", &script]).stderr(Stdio::null()).status().context("`sh` did not start")?;
        ensure!(status.success() || !self.is_alive(), "process {} cannot be sent {signal}", self.id);
        Ok(())
    }
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.id, self.born)
    }
}

/// The start time of a process, as the system writes it. None if there is no such process, or only its exit status
/// that its parent has not read yet.
fn born(id: u32) -> Option<String> {
    if Path::new("/proc/self/stat").exists() {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        return born_in(&stat);
    }
    let output = Command::new("ps").args(["-o", "stat=,lstart=", "-p", &id.to_string()]).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let (state, born) = text.split_once(char::is_whitespace)?;
    (!state.starts_with('Z')).then(|| born.trim().to_owned())
}

/// The 22nd field of Linux's `stat`. The second is a name in brackets, which may hold anything.
fn born_in(stat: &str) -> Option<String> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    let state = fields.next()?;
    (state != "Z").then(|| fields.nth(18).map(str::to_owned))?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeping() -> Process {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 600 & wait"]);
        Process::start(command, tempfile::tempfile().expect("a file")).expect("a process")
    }

    #[test]
    fn a_process_is_alive_until_it_is_stopped() {
        let process = sleeping();
        assert!(process.is_alive());
        process.stop().expect("it ends");
        assert!(!process.is_alive());
    }

    #[test]
    fn a_process_is_read_as_it_was_written() {
        let process = Process { id: 7, born: "Sat Nov 21 2026".to_owned() };
        assert_eq!(Process::parse(&process.to_string()), Some(process));
        assert_eq!(Process::parse("seven 1"), None);
    }

    #[test]
    fn another_process_with_the_same_id_is_not_mistaken_for_it() {
        let process = sleeping();
        let earlier = Process { id: process.id, born: "long ago".to_owned() };
        assert!(!earlier.is_alive());
        process.stop().expect("it ends");
    }

    #[test]
    fn the_start_time_is_read_after_any_name() {
        let fields = |state: &str| format!("12 (a ) b) {state} 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20");
        assert_eq!(born_in(&fields("S")), Some("4711".to_owned()));
        assert_eq!(born_in(&fields("Z")), None);
        assert_eq!(born_in("12"), None);
    }
}
