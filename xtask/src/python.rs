//! What comes from Python's package index: the template's checker and AWS's runtime interface
//! emulator.
//!
//! Promises to fetch each once, whole, into `target/services`, and to touch nothing else.

use std::path::Path;

use anyhow::{Context, Result};

use crate::command::Cargo;
use crate::services::whole;

const NEEDED: &str = "python3 with venv is needed (Debian: apt-get install python3-venv)";

/// CloudFormation's linter, which knows SAM's types too.
const CFN_LINT: &str = "1.58.0";
/// The package that the emulator comes in.
const SAM_CLI: &str = "1.170.0";

/// Checks the template. Any region will do; without one it refuses.
pub(crate) fn check_template(root: &Path) -> Result<()> {
    let folder = root.join("target/services").join(format!("cfn-lint-{CFN_LINT}"));
    whole(&folder, |part| install(part, &format!("cfn-lint=={CFN_LINT}")))?;
    // The script's own first line names the folder that it was made in.
    let [python, script] = ["python", "cfn-lint"].map(|name| folder.join("bin").join(name));
    let check = format!("{} template.yaml", script.display());
    Cargo::program(&python.to_string_lossy(), root, &check).env("AWS_DEFAULT_REGION", "us-east-1").run()
}

/// Fetches the emulator: one file of a wheel of which nothing else is needed.
pub(crate) fn fetch_emulator(root: &Path) -> Result<()> {
    whole(&root.join("target/services/rie"), |part| {
        let download = format!("-m pip download --quiet --disable-pip-version-check --no-deps aws-sam-cli=={SAM_CLI}");
        Cargo::program("python3", part, &download).run().context(NEEDED)?;
        let wheel = std::fs::read_dir(part)?.next().context("the index has the package")??;
        let unpack = format!("-m zipfile -e {} unpacked", wheel.file_name().to_string_lossy());
        Cargo::program("python3", part, &unpack).run()?;
        let emulator = part.join("aws-lambda-rie");
        std::fs::rename(part.join("unpacked/samcli/local/rapid/aws-lambda-rie-x86_64"), &emulator)?;
        std::fs::remove_dir_all(part.join("unpacked"))?;
        Cargo::program("chmod", part, "+x aws-lambda-rie").run()
    })
}

/// Makes an environment in `folder` with a package in it. Its scripts know only this folder's name, so
/// modules are run by its `bin/python`.
pub(crate) fn install(folder: &Path, package: &str) -> Result<()> {
    Cargo::program("python3", folder, "-m venv .").run().context(NEEDED)?;
    let python = folder.join("bin/python");
    let install = format!("-m pip install --quiet --disable-pip-version-check {package}");
    Cargo::program(&python.to_string_lossy(), folder, &install).run()
}
