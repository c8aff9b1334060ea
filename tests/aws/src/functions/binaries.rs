//! The functions' binaries.
//!
//! Promises those of the code that is tested: what is there is built again where it is older,
//! unless `ANNALS_FUNCTIONS_DIR` names a folder of binaries, which are then taken as they are.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::OnceLock;

use annals_lambda::settings::Function;
use annals_services::{built, workspace};

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
    let build = || {
        built(&Function::ALL.map(|function| format!("annals-{}", function.name())).each_ref().map(String::as_str), &[])
    };
    BUILT.get_or_init(build).get(function.name()).expect("cargo names every binary that it built").clone()
}
