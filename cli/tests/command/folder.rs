//! A temporary folder, and the command run in it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

/// Removed when the test ends.
pub(crate) struct Folder {
    folder: TempDir,
}

/// Sends a signal with the shell's built-in `kill`: a small system has no program for it.
#[track_caller]
pub(crate) fn signal(child: &Child, name: &str) {
    let sent = Command::new("sh").arg("-c").arg(format!("kill -{name} {}", child.id())).status().unwrap();
    assert!(sent.success());
}

/// The result of a run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stdout_bytes: Vec<u8>,
    pub(crate) stderr: String,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file, and the folders above it.
    pub(crate) fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    /// The command, in this folder and without the settings of the machine.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_annals"));
        command.args(arguments).current_dir(self.path()).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            if ["ANNALS_", "AWS_"].iter().any(|ours| name.starts_with(ours)) || name == "NO_COLOR" {
                command.env_remove(&*name);
            }
        }
        // The files of the SDK and the metadata service are settings of the machine, too.
        command.envs([("AWS_CONFIG_FILE", "/dev/null"), ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")]);
        command.env("AWS_EC2_METADATA_DISABLED", "true");
        command
    }

    /// Runs it to its end.
    #[track_caller]
    pub(crate) fn annals(&self, arguments: &[&str]) -> Run {
        Run::of(self.command(arguments).output().unwrap())
    }

    /// Runs it to its end, with this input.
    #[track_caller]
    pub(crate) fn annals_with_input(&self, arguments: &[&str], input: &[u8]) -> Run {
        let mut child = self.spawn(self.command(arguments).stdin(Stdio::piped()));
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        let writer = std::thread::spawn(move || {
            let _ = stdin.write_all(&input);
        });
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        Run::of(output)
    }

    /// Starts it with piped output.
    pub(crate) fn spawn(&self, command: &mut Command) -> Child {
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Runs it and reads its stdout as one JSON document.
    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let run = self.annals(arguments).exits(0);
        serde_json::from_str(&run.stdout).unwrap()
    }
}

impl Run {
    /// From the output of a process. A panic fails the test, whatever else happened.
    #[track_caller]
    pub(crate) fn of(output: Output) -> Self {
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(!stderr.contains("panicked"), "{stderr}");
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        Self { code: output.status.code(), stdout, stdout_bytes: output.stdout, stderr }
    }

    /// Checks the exit code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Checks that stderr has all of these texts.
    #[track_caller]
    pub(crate) fn prints(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(self.stderr.contains(text), "`{text}` is not printed:\n{}", self.stderr);
        }
        self
    }

    /// The last line of stdout as JSON: the summary of `ingest --json`.
    #[track_caller]
    pub(crate) fn summary(&self) -> serde_json::Value {
        let last = self.stdout.lines().last().expect("a summary");
        serde_json::from_str::<serde_json::Value>(last).unwrap()["summary"].take()
    }

    /// How many records had this outcome, by the summary.
    #[track_caller]
    pub(crate) fn counted(&self, outcome: &str) -> u64 {
        self.summary()[outcome].as_u64().unwrap()
    }
}
