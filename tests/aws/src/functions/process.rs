//! A program that runs until it is dropped, and its output.
//!
//! A call returns every line that was written before it: the output goes to files, so that nothing is left in
//! an unread pipe.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// The time that a program may take to end after it is asked to.
const ENDING: Duration = Duration::from_secs(3);
const LOOK: Duration = Duration::from_millis(10);

/// A running program.
pub(crate) struct Process {
    child: Child,
    folder: TempDir,
    seen: usize,
}

impl Process {
    /// Starts it with exactly this environment.
    pub(crate) fn start(command: &mut Command, environment: &BTreeMap<String, String>) -> Self {
        let folder = tempfile::tempdir().expect("a folder for its output");
        let file = |name: &str| Stdio::from(File::create(folder.path().join(name)).expect("an output file"));
        let command = command.env_clear().envs(environment).stdin(Stdio::null());
        let child = command.stdout(file("out")).stderr(file("err")).spawn().expect("the program starts");
        Self { child, folder, seen: 0 }
    }

    /// The exit status, if the program has ended.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the program is a child process")
    }

    /// The lines on its standard output since the last call.
    pub(crate) fn lines(&mut self) -> Vec<String> {
        let text = self.written("out");
        // An incomplete line is left for the next call.
        let end = text.rfind('\n').map_or(0, |at| at + 1);
        let new = text[self.seen..end].lines().map(str::to_owned).collect();
        self.seen = end;
        new
    }

    /// Its whole standard error.
    pub(crate) fn errors(&self) -> String {
        self.written("err")
    }

    fn written(&self, name: &str) -> String {
        let path: PathBuf = self.folder.path().join(name);
        String::from_utf8(fs::read(path).expect("the output file")).expect("the output is UTF-8")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It is asked to end first, since the emulator then ends the function that it started. `kill` of the shell is
        // used because a small system may not have the program.
        let word = format!("kill {}", self.child.id());
        let asked = Command::new("sh").args(["-c", &word]).stderr(Stdio::null()).status();
        let until = Instant::now() + ENDING;
        while asked.as_ref().is_ok_and(ExitStatus::success) && Instant::now() < until {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(LOOK);
        }
        // The program may have ended meanwhile.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
