//! Cargo commands as the steps run them.
//!
//! Promises that a command runs in the workspace's folder, with the caller's environment and our
//! output, and that a failure says which command it was.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// One call of cargo, yet to be run.
pub(crate) struct Cargo {
    command: Command,
    line: String,
}

impl Cargo {
    /// `cargo` with these arguments, as written in a shell (none of them has a space in it).
    pub(crate) fn new(root: &Path, arguments: &str) -> Self {
        Self::program("cargo", root, arguments)
    }

    /// Another program than cargo, under the same promises.
    pub(crate) fn program(program: &str, root: &Path, arguments: &str) -> Self {
        let mut command = Command::new(program);
        command.args(arguments.split_whitespace()).current_dir(root).stdin(Stdio::null());
        for name in std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()) {
            if tells_of_this_package(&name) {
                command.env_remove(name);
            }
        }
        Self { command, line: format!("{program} {arguments}") }
    }

    /// The same with an environment variable set.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// The same with an environment variable taken away.
    pub(crate) fn without_env(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// The command as one would type it.
    pub(crate) fn line(&self) -> &str {
        self.line.trim_end()
    }

    /// Runs it, its output going where ours goes.
    pub(crate) fn run(mut self) -> Result<()> {
        println!("$ {}", self.line());
        let status = self.command.status().with_context(|| format!("`{}` did not start", self.line()))?;
        ensure!(status.success(), "`{}` ended with {status}", self.line());
        Ok(())
    }

    /// Runs it silently; its standard output, or nothing where it failed or is not there.
    pub(crate) fn ask(mut self) -> Option<String> {
        let output = self.command.stderr(Stdio::null()).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// Whether `cargo run` has set the variable to tell this process of its own package. Passed on, it
/// misleads: cargo-machete takes itself to be run by `cargo run`, and its own name for a folder.
fn tells_of_this_package(variable: &str) -> bool {
    let beginnings = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_PACKAGE"];
    beginnings.iter().any(|beginning| variable.starts_with(beginning))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_tells_of_this_package_is_kept_from_commands() {
        let kept = ["ANNALS_SAMPLES", "CARGO_HOME", "CARGO_TARGET_DIR", "CARGO_TERM_COLOR", "CARGO_BUILD_JOBS", "PATH"];
        assert!(!kept.into_iter().any(tells_of_this_package));
        assert!(["CARGO_PKG_NAME", "CARGO_MANIFEST_DIR", "CARGO_BIN_NAME"].into_iter().all(tells_of_this_package));
    }

    #[test]
    fn a_program_that_is_not_there_answers_nothing_and_its_run_names_it() {
        let root = Path::new(".");
        assert_eq!(Cargo::program("no-such-program-here", root, "--version").ask(), None);
        let error = Cargo::program("no-such-program-here", root, "--version").run().expect_err("it is not there");
        assert_eq!(error.to_string(), "`no-such-program-here --version` did not start");
    }

    #[test]
    fn a_failed_command_answers_nothing_and_its_run_names_it() {
        let root = Path::new(".");
        assert_eq!(Cargo::new(root, "no-such-subcommand").ask(), None);
        let error = Cargo::new(root, "no-such-subcommand").run().expect_err("there is no such command");
        assert!(error.to_string().starts_with("`cargo no-such-subcommand` ended with exit"), "{error}");
    }
}
