//! `cargo xtask package`: builds the functions for Lambda.
//!
//! The result is four bootstraps for one processor that Lambda can start, from `cargo lambda build` or `sam build`. Before
//! `sam build`, `sam validate --lint` must find nothing in the template. The builders are downloaded in fixed versions.
//! Nothing is run or deployed.

mod bootstrap;

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use object::elf;

use self::bootstrap::Bootstrap;
use crate::command::Cargo;
use crate::machine;
use crate::python::{self, PythonTool};
use crate::runner::{Outcome, Step};

const FUNCTIONS: [&str; 4] = ["ingest", "projection", "query", "backfill"];

/// A processor of Lambda, by its name in the template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Architecture {
    Arm64,
    #[value(name = "x86_64")]
    X86_64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    CargoLambda,
    /// `sam build`, from the template.
    Sam,
}

/// Downloads what is missing, builds, and checks the result.
pub(crate) fn steps(root: &'static Path, architecture: Architecture, by: By) -> Vec<Step> {
    let tools = match by {
        By::CargoLambda => vec![PythonTool::CargoLambda],
        By::Sam => vec![PythonTool::CargoLambda, PythonTool::Sam],
    };
    let needed = tools.clone();
    let needs = move || Ok(needed.iter().filter_map(|tool| python::needs(&tool.folder(root))).collect());
    let mut steps = vec![machine::step(root, needs)];
    steps.extend(tools.into_iter().map(|tool| Step::new(format!("tool: {tool}"), move || tool.provide(root))));
    if by == By::Sam {
        steps.push(Step::new("sam validate", move || sam_validate(root).run().map(|()| Outcome::Done)));
    }
    steps.push(Step::new(format!("rust for {architecture}"), move || rust_target(root, architecture)));
    steps.push(Step::new("build", move || by.build(root, architecture).map(|()| Outcome::Done)));
    steps.push(Step::new("bootstraps", move || bootstraps(&by.output(root, architecture), architecture, by)));
    steps
}

/// Checks the template as SAM reads it. The region does not matter: no account is used.
fn sam_validate(root: &Path) -> Cargo {
    sam(root, "validate --lint").env("AWS_DEFAULT_REGION", "us-east-1")
}

/// As a module: its script contains the path where its folder was created.
fn sam(root: &Path, arguments: &str) -> Cargo {
    let python = PythonTool::Sam.folder(root).join("bin").join("python");
    Cargo::program(&python.to_string_lossy(), root, &format!("-m samcli {arguments}")).env("SAM_CLI_TELEMETRY", "0")
}

/// Installs the standard library for that processor if there is rustup.
fn rust_target(root: &Path, architecture: Architecture) -> Result<Outcome> {
    if Cargo::program("rustup", root, "--version").ask().is_none() {
        return Ok(Outcome::DoneWith("no rustup: install the target yourself".to_owned()));
    }
    Cargo::program("rustup", root, &format!("target add {}", architecture.target())).run()?;
    Ok(Outcome::Done)
}

/// Checks all four and prints a line for each.
fn bootstraps(output: &Path, architecture: Architecture, by: By) -> Result<Outcome> {
    let mut refused = Vec::new();
    for function in FUNCTIONS {
        match Bootstrap::checked(&output.join(by.folder(function)).join("bootstrap"), architecture) {
            Ok(bootstrap) => println!("{function:10}  {architecture}  {bootstrap}"),
            Err(error) => refused.push(format!("{error:#}")),
        }
    }
    ensure!(refused.is_empty(), "{}", refused.join("\n"));
    Ok(Outcome::DoneWith(format!("{} for {architecture} in {}", FUNCTIONS.len(), output.display())))
}

impl By {
    fn build(self, root: &Path, architecture: Architecture) -> Result<()> {
        let tools = PythonTool::CargoLambda.folder(root).join("bin");
        let command = match self {
            Self::CargoLambda => {
                let packages = FUNCTIONS.map(|function| format!("-p annals-{function}")).join(" ");
                let line = format!(
                    "lambda build --release --target {} --lambda-dir {} {packages}",
                    architecture.target(),
                    self.output(Path::new(""), architecture).display()
                );
                Cargo::program(&tools.join("cargo-lambda").to_string_lossy(), root, &line)
            }
            Self::Sam => sam(root, &format!("build --parameter-overrides Architecture={architecture}")),
        };
        // First in the path: zig is found as a module of the first Python there.
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths([tools].into_iter().chain(std::env::split_paths(&path)))?;
        command.env("PATH", &path.to_string_lossy()).run()
    }

    /// The folder of all four.
    fn output(self, root: &Path, architecture: Architecture) -> PathBuf {
        match self {
            Self::CargoLambda => root.join("target").join("package").join(architecture.to_string()),
            Self::Sam => root.join(".aws-sam").join("build"),
        }
    }

    /// The folder of one function inside the folder of all four.
    fn folder(self, function: &str) -> String {
        match self {
            Self::CargoLambda => function.to_owned(),
            Self::Sam => logical_id(function),
        }
    }
}

/// The template's name of a function.
fn logical_id(function: &str) -> String {
    let (first, rest) = function.split_at(1);
    format!("{}{rest}Function", first.to_uppercase())
}

impl Architecture {
    fn target(self) -> &'static str {
        match self {
            Self::Arm64 => "aarch64-unknown-linux-gnu",
            Self::X86_64 => "x86_64-unknown-linux-gnu",
        }
    }

    fn machine(self) -> elf::Machine {
        match self {
            Self::Arm64 => elf::EM_AARCH64,
            Self::X86_64 => elf::EM_X86_64,
        }
    }

    fn of(machine: elf::Machine) -> Option<Self> {
        [Self::Arm64, Self::X86_64].into_iter().find(|architecture| architecture.machine() == machine)
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Arm64 => "arm64",
            Self::X86_64 => "x86_64",
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    const TEMPLATE: &str = include_str!("../../../template.yaml");

    #[test]
    fn processors_have_the_templates_names_and_its_default() {
        let names: Vec<String> = Architecture::value_variants().iter().map(Architecture::to_string).collect();
        assert!(TEMPLATE.contains(&format!("AllowedValues: [{}]", names.join(", "))), "{names:?}");
        assert!(TEMPLATE.contains(&format!("  Architecture:\n    Type: String\n    Default: {}\n", names[0])));
        for (name, architecture) in names.iter().zip(Architecture::value_variants()) {
            assert_eq!(&Architecture::from_str(name, false).expect("an argument"), architecture);
        }
    }

    /// cargo-lambda adds `lto` to `--release` only if the profile does not set it.
    #[test]
    fn functions_are_built_as_the_profile_lambda_says() {
        let manifest = include_str!("../../../Cargo.toml");
        let profile = |name: &str| {
            let (_, rest) = manifest.split_once(&format!("\n[profile.{name}]\n")).expect("a profile of that name");
            rest.split("\n[").next().unwrap_or_default().to_owned()
        };
        let release = profile("release");
        assert!(!release.contains("lto =") && !release.contains("strip ="), "{release}");
        let lambda = profile("lambda");
        assert!(lambda.contains("lto = \"thin\"") && lambda.contains("strip = \"symbols\""), "{lambda}");
    }

    #[test]
    fn every_function_of_the_template_is_checked() {
        for function in FUNCTIONS {
            assert!(TEMPLATE.contains(&format!("\n  {}:\n    Type: AWS::Serverless::Function", logical_id(function))));
            assert!(TEMPLATE.contains(&format!("CodeUri: functions/{function}\n")), "{function}");
        }
        assert_eq!(TEMPLATE.matches("Type: AWS::Serverless::Function\n").count(), FUNCTIONS.len());
    }

    #[test]
    fn sam_reads_the_template_before_it_builds_from_it() {
        let root = Path::new("/annals");
        let steps = steps(root, Architecture::Arm64, By::Sam);
        let position = |name: &str| steps.iter().position(|step| step.name() == name).expect("a step of that name");
        assert!(position("tool: sam") < position("sam validate") && position("sam validate") < position("build"));
        let python = PythonTool::Sam.folder(root).join("bin/python");
        assert_eq!(sam_validate(root).line(), format!("{} -m samcli validate --lint", python.display()));
    }

    #[test]
    fn every_invalid_or_missing_bootstrap_is_named() {
        let output = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(output.path().join("QueryFunction")).expect("a folder");
        std::fs::write(output.path().join("QueryFunction/bootstrap"), "#!/bin/sh").expect("a file");
        let error = bootstraps(output.path(), Architecture::Arm64, By::Sam).expect_err("none is right").to_string();
        assert_eq!(error.matches("/bootstrap` cannot be read").count(), 3, "{error}");
        assert_eq!(error.matches("QueryFunction/bootstrap` is no 64-bit ELF program").count(), 1, "{error}");
    }
}
