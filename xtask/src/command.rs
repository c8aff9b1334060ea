//! Cargo commands as the steps run them.
//!
//! A command runs in the folder that it is given, with the caller's environment and output. An error names the command.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// A call of cargo or of another program, ready to run.
pub(crate) struct Cargo {
    command: Command,
    line: String,
}

impl Cargo {
    /// `cargo` with these arguments, as written in a shell (none of them has a space in it).
    pub(crate) fn new(root: &Path, arguments: &str) -> Self {
        Self::program("cargo", root, arguments)
    }

    /// Another program instead of cargo.
    pub(crate) fn program(program: &str, root: &Path, arguments: &str) -> Self {
        let mut command = Command::new(program);
        command.args(arguments.split_whitespace()).current_dir(root).stdin(Stdio::null());
        for name in std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()) {
            if describes_this_package(&name) {
                command.env_remove(name);
            }
        }
        Self { command, line: format!("{program} {arguments}") }
    }

    /// Sets an environment variable.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Removes an environment variable.
    pub(crate) fn without_env(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// The command as typed in a shell.
    pub(crate) fn line(&self) -> &str {
        self.line.trim_end()
    }

    /// Runs it, with its output in ours.
    pub(crate) fn run(mut self) -> Result<()> {
        println!("$ {}", self.line());
        let status = self.command.status().with_context(|| format!("`{}` did not start", self.line()))?;
        ensure!(status.success(), "`{}` ended with {status}", self.line());
        Ok(())
    }

    /// Runs it silently and returns its standard output. None if it fails or does not exist.
    pub(crate) fn ask(mut self) -> Option<String> {
        let output = self.command.stderr(Stdio::null()).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// Whether `cargo run` sets this variable about the package that it runs. Child processes must not see it:
/// cargo-machete would believe that `cargo run` started it, and read its own name as a folder.
fn describes_this_package(variable: &str) -> bool {
    let beginnings = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_PACKAGE"];
    beginnings.iter().any(|beginning| variable.starts_with(beginning))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_describes_this_package_is_kept_from_commands() {
        let kept = ["ANNALS_SAMPLES", "CARGO_HOME", "CARGO_TARGET_DIR", "CARGO_TERM_COLOR", "CARGO_BUILD_JOBS", "PATH"];
        assert!(!kept.into_iter().any(describes_this_package));
        assert!(["CARGO_PKG_NAME", "CARGO_MANIFEST_DIR", "CARGO_BIN_NAME"].into_iter().all(describes_this_package));
    }

    #[test]
    fn a_missing_program_has_no_output_and_the_error_names_it() {
        let root = Path::new(".");
        assert_eq!(Cargo::program("no-such-program-here", root, "--version").ask(), None);
        let error = Cargo::program("no-such-program-here", root, "--version").run().expect_err("it does not exist");
        assert_eq!(error.to_string(), "`no-such-program-here --version` did not start");
    }

    #[test]
    fn a_failed_command_has_no_output_and_the_error_names_it() {
        let root = Path::new(".");
        assert_eq!(Cargo::new(root, "no-such-subcommand").ask(), None);
        let error = Cargo::new(root, "no-such-subcommand").run().expect_err("there is no such command");
        assert!(error.to_string().starts_with("`cargo no-such-subcommand` ended with exit"), "{error}");
    }
}
