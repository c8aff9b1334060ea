//! The functions' binaries.
//!
//! Promises those of the code that is tested: what is there is built again where it is older,
//! unless `ANNALS_FUNCTIONS_DIR` names a folder of binaries, which are then taken as they are.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use annals_aws_runtime::settings::Function;
use annals_services::workspace;
use serde_json::Value;

/// The folder of binaries that are built already.
const FOLDER: &str = "ANNALS_FUNCTIONS_DIR";

/// A function's binary.
pub(crate) fn binary(function: Function) -> PathBuf {
    if let Some(folder) = std::env::var_os(FOLDER) {
        let path = workspace().join(folder).join(function.name());
        assert!(path.is_file(), "`{}` is not there: {FOLDER} should name the folder of the functions", path.display());
        return path;
    }
    static BUILT: OnceLock<BTreeMap<String, PathBuf>> = OnceLock::new();
    BUILT.get_or_init(build).get(function.name()).expect("cargo names every binary that it built").clone()
}

/// Builds them as the tests are built; where each is, by its name.
fn build() -> BTreeMap<String, PathBuf> {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(workspace()).args(["build", "--quiet", "--message-format=json-render-diagnostics"]);
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    for function in Function::ALL {
        command.arg("--package").arg(format!("annals-{}", function.name()));
    }
    let output = command.stderr(Stdio::inherit()).output().expect("cargo starts");
    assert!(output.status.success(), "the functions do not build");
    String::from_utf8_lossy(&output.stdout).lines().filter_map(built).collect()
}

/// The binary that a message of cargo's names, if it names one.
fn built(line: &str) -> Option<(String, PathBuf)> {
    let message: Value = serde_json::from_str(line).ok()?;
    let path = message["executable"].as_str()?.into();
    Some((message["target"]["name"].as_str()?.to_owned(), path))
}
