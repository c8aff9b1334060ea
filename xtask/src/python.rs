//! Tools from Python's package index: the template's checker, AWS's runtime interface emulator, and the builders of
//! the functions.
//!
//! Each is fetched once into `target/services`, completely or not at all. Nothing else is changed.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::command::Cargo;
use crate::machine::Need;
use crate::runner::Outcome;
use crate::services::create_folder;

const NEEDED: &str = "python3 with venv is needed (Debian: apt-get install python3-venv)";

/// CloudFormation's linter, which knows SAM's types too.
const CFN_LINT: &str = "1.58.0";
/// AWS's own builder, and the package that the emulator comes in.
const SAM_CLI: &str = "1.170.0";
/// Cargo's builder of functions, and its linker for whichever processor and glibc.
const CARGO_LAMBDA: &str = "1.9.2";
const ZIG: &str = "0.17.1";

/// What tests the HTTP API, and the validator of its document.
const SCHEMATHESIS: &str = "4.32.5";
const OPENAPI_VALIDATOR: &str = "0.9.0";

/// A tool in its own virtual environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PythonTool {
    CfnLint,
    CargoLambda,
    Sam,
    Schemathesis,
}

impl PythonTool {
    /// The environment. Its scripts contain the path where it was created, so only modules and programs run from here.
    pub(crate) fn folder(self, root: &Path) -> PathBuf {
        home(root).join(match self {
            Self::CfnLint => format!("cfn-lint-{CFN_LINT}"),
            Self::CargoLambda => format!("cargo-lambda-{CARGO_LAMBDA}-zig-{ZIG}"),
            Self::Sam => format!("sam-{SAM_CLI}"),
            Self::Schemathesis => format!("schemathesis-{SCHEMATHESIS}-{OPENAPI_VALIDATOR}"),
        })
    }

    fn packages(self) -> String {
        match self {
            Self::CfnLint => format!("cfn-lint=={CFN_LINT}"),
            Self::CargoLambda => format!("cargo-lambda=={CARGO_LAMBDA} ziglang=={ZIG}"),
            Self::Sam => format!("aws-sam-cli=={SAM_CLI}"),
            Self::Schemathesis => {
                format!("schemathesis=={SCHEMATHESIS} openapi-spec-validator=={OPENAPI_VALIDATOR}")
            }
        }
    }

    /// Fetches it if it is missing.
    pub(crate) fn provide(self, root: &Path) -> Result<Outcome> {
        create_folder(&self.folder(root), |part| install(part, &self.packages()))?;
        Ok(Outcome::DoneWith(self.packages().replace("==", " ")))
    }
}

impl fmt::Display for PythonTool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CfnLint => "cfn-lint",
            Self::CargoLambda => "cargo lambda",
            Self::Sam => "sam",
            Self::Schemathesis => "schemathesis",
        })
    }
}

fn home(root: &Path) -> PathBuf {
    root.join("target").join("services")
}

fn emulator(root: &Path) -> PathBuf {
    home(root).join("rie")
}

/// What is needed to create the folder. None if it exists.
pub(crate) fn needs(folder: &Path) -> Option<Need> {
    (!folder.exists()).then_some(Need::Python)
}

/// What the checks need.
pub(crate) fn needs_of_checks(root: &Path) -> impl Iterator<Item = Need> {
    let folders = [PythonTool::CfnLint.folder(root), PythonTool::Schemathesis.folder(root), emulator(root)];
    folders.into_iter().filter_map(|folder| needs(&folder))
}

/// Checks the template. The region does not matter, but the checker needs one.
pub(crate) fn check_template(root: &Path) -> Result<()> {
    PythonTool::CfnLint.provide(root)?;
    let folder = PythonTool::CfnLint.folder(root);
    // The script's first line names the folder where it was created, so it is run by this Python.
    let [python, script] = ["python", "cfn-lint"].map(|name| folder.join("bin").join(name));
    let check = format!("{} template.yaml", script.display());
    Cargo::program(&python.to_string_lossy(), root, &check).env("AWS_DEFAULT_REGION", "us-east-1").run()
}

/// Fetches the emulator, which is one file of a wheel. With the pip of an environment, since Debian's Python has none.
pub(crate) fn fetch_emulator(root: &Path) -> Result<()> {
    PythonTool::CfnLint.provide(root)?;
    let python = PythonTool::CfnLint.folder(root).join("bin/python");
    let python = python.to_string_lossy();
    create_folder(&emulator(root), |part| {
        let download = format!("-m pip download --quiet --disable-pip-version-check --no-deps aws-sam-cli=={SAM_CLI}");
        Cargo::program(&python, part, &download).run().context(NEEDED)?;
        let wheel = std::fs::read_dir(part)?.next().context("the index has the package")??;
        let unpack = format!("-m zipfile -e {} unpacked", wheel.file_name().to_string_lossy());
        Cargo::program(&python, part, &unpack).run()?;
        let emulator = part.join("aws-lambda-rie");
        std::fs::rename(part.join("unpacked/samcli/local/rapid").join(of_this_machine()), &emulator)?;
        std::fs::remove_dir_all(part.join("unpacked"))?;
        Cargo::program("chmod", part, "+x aws-lambda-rie").run()
    })
}

/// The emulator's file for the processor of this machine.
fn of_this_machine() -> &'static str {
    if cfg!(target_arch = "aarch64") { "aws-lambda-rie-arm64" } else { "aws-lambda-rie-x86_64" }
}

/// Creates an environment in `folder` with a package. Its scripts contain this folder's path, so modules are run with
/// its `bin/python`.
pub(crate) fn install(folder: &Path, package: &str) -> Result<()> {
    Cargo::program("python3", folder, "-m venv .").run().context(NEEDED)?;
    let python = folder.join("bin/python");
    let install = format!("-m pip install --quiet --disable-pip-version-check {package}");
    Cargo::program(&python.to_string_lossy(), folder, &install).run()
}
