//! Binaries of this workspace, for tests and benchmarks that run them as processes.
//!
//! The binaries are always built from the current code: an outdated binary is built again.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::workspace;

/// Builds these packages and examples together: with the profile `lambda` for an optimised caller, such as a benchmark,
/// else with `dev`. Returns the path of each binary by its name.
pub fn built(packages: &[&str], examples: &[&str]) -> BTreeMap<String, PathBuf> {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(workspace()).args(["build", "--quiet", "--message-format=json-render-diagnostics"]);
    if !cfg!(debug_assertions) {
        command.args(["--profile", "lambda"]);
    }
    command.arg("--bins");
    for package in packages {
        command.args(["--package", package]);
    }
    for example in examples {
        command.args(["--example", example]);
    }
    for (name, _) in std::env::vars_os().filter(|(name, _)| describes_the_caller(&name.to_string_lossy())) {
        command.env_remove(name);
    }
    let output = command.stderr(Stdio::inherit()).output().expect("cargo starts");
    assert!(output.status.success(), "{packages:?} do not build");
    String::from_utf8_lossy(&output.stdout).lines().filter_map(binary).collect()
}

/// Whether cargo has set the variable to describe the package of the running test or benchmark. Crates whose build
/// reads such variables would be compiled again.
fn describes_the_caller(variable: &str) -> bool {
    let beginnings =
        ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_PACKAGE", "OUT_DIR"];
    beginnings.iter().any(|beginning| variable.starts_with(beginning))
}

/// The binary that a message of cargo names, if it names one.
fn binary(line: &str) -> Option<(String, PathBuf)> {
    let message: Value = serde_json::from_str(line).ok()?;
    let path = message["executable"].as_str()?.into();
    Some((message["target"]["name"].as_str()?.to_owned(), path))
}
