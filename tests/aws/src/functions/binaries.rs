//! The binaries of the functions.
//!
//! They are built from the current code, unless `ANNALS_FUNCTIONS_DIR` names a folder with binaries,
//! which are then used unchanged.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::OnceLock;

use annals_lambda::settings::Function;
use annals_services::{built, workspace};

/// The variable with the folder of existing binaries.
const FOLDER: &str = "ANNALS_FUNCTIONS_DIR";

/// The binary of a function.
pub(crate) fn binary(function: Function) -> PathBuf {
    if let Some(folder) = std::env::var_os(FOLDER) {
        let path = workspace().join(folder).join(function.name());
        assert!(path.is_file(), "`{}` does not exist: {FOLDER} must name the folder of the functions", path.display());
        return path;
    }
    static BUILT: OnceLock<BTreeMap<String, PathBuf>> = OnceLock::new();
    let build = || {
        built(&Function::ALL.map(|function| format!("annals-{}", function.name())).each_ref().map(String::as_str), &[])
    };
    BUILT.get_or_init(build).get(function.name()).expect("cargo names every binary that it built").clone()
}
