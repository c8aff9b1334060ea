//! The tools that the checks need, and how to install each.
//!
//! Only missing tools are installed: a tool that is there is used, also in another version. Rust and the C compiler
//! must be there. Tools are compiled without optimisation: compiling them takes far longer than running them.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::command::Cargo;
use crate::runner::{Outcome, Step};

/// The three tools compile in six minutes on two processors with this, while the services start, and in eleven
/// minutes optimised.
const WITHOUT_OPTIMISATION: [(&str, &str); 3] = [
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0"),
    ("CARGO_PROFILE_RELEASE_LTO", "off"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "256"),
];

/// A tool that `cargo NAME` runs.
struct Tool {
    name: &'static str,
    source: Source,
}

/// Where a tool comes from.
enum Source {
    /// A component of the Rust toolchain.
    Component(&'static str),
    /// A crate to compile; its features are the few that the checks need.
    Crate { version: &'static str, features: &'static str },
}

const TOOLS: [Tool; 5] = [
    Tool { name: "fmt", source: Source::Component("rustfmt") },
    Tool { name: "clippy", source: Source::Component("clippy") },
    Tool { name: "nextest", source: Source::Crate { version: "0.9.151", features: "--no-default-features" } },
    Tool { name: "deny", source: Source::Crate { version: "0.20.2", features: "--no-default-features" } },
    Tool { name: "machete", source: Source::Crate { version: "0.9.1", features: "" } },
];

/// One step for each tool, which installs it if it is missing.
pub(crate) fn steps(root: &'static Path) -> Vec<Step> {
    TOOLS.iter().map(|tool| Step::new(format!("tool: cargo {}", tool.name), move || tool.provide(root))).collect()
}

impl Tool {
    fn provide(&self, root: &Path) -> Result<Outcome> {
        if let Some(version) = self.version(root) {
            return Ok(Outcome::DoneWith(format!("{version} found{}", self.remark(&version))));
        }
        self.install_command(root).run().with_context(|| format!("`cargo {}` could not be installed", self.name))?;
        match self.version(root) {
            Some(version) => Ok(Outcome::DoneWith(format!("{version} installed"))),
            None => bail!("`cargo {}` was installed but does not run", self.name),
        }
    }

    fn version(&self, root: &Path) -> Option<String> {
        let output = Cargo::new(root, &format!("{} --version", self.name)).ask()?;
        Some(version_in(&output).unwrap_or("an unnamed version").to_owned())
    }

    fn install_command(&self, root: &Path) -> Cargo {
        match &self.source {
            Source::Component(component) => Cargo::program("rustup", root, &format!("component add {component}")),
            Source::Crate { version, features } => {
                let install = Cargo::new(root, &format!("install --locked cargo-{}@{version} {features}", self.name));
                WITHOUT_OPTIMISATION.into_iter().fold(install, |install, (name, value)| install.env(name, value))
            }
        }
    }

    /// A note if the version is not the one that the checks were written with.
    fn remark(&self, version: &str) -> String {
        match &self.source {
            Source::Crate { version: ours, .. } if *ours != version => format!(" ({ours} is the tested version)"),
            _ => String::new(),
        }
    }
}

/// The version in the output of `--version`: its first word that begins with a digit.
fn version_in(output: &str) -> Option<&str> {
    output.split_whitespace().find(|word| word.starts_with(|first: char| first.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEXTEST: Tool = Tool { name: "nextest", source: Source::Crate { version: "0.9.151", features: "--minimal" } };

    #[test]
    fn the_version_is_read_from_the_output_of_each_tool() {
        let check = |answer, version| assert_eq!(version_in(answer), version, "{answer}");
        check("0.9.1\n", Some("0.9.1"));
        check("cargo-deny 0.20.2\n", Some("0.20.2"));
        check("cargo-nextest 0.9.151 (6b3f99457 2026-11-02)\nrelease: 0.9.151\n", Some("0.9.151"));
        check("rustfmt 1.9.0-stable (59807616e1 2026-04-14)\n", Some("1.9.0-stable"));
        check("", None);
    }

    #[test]
    fn another_version_is_noted() {
        assert_eq!(NEXTEST.remark("0.9.151"), "");
        assert_eq!(NEXTEST.remark("0.9.98"), " (0.9.151 is the tested version)");
    }

    #[test]
    fn an_installed_tool_has_a_fixed_version_and_only_needed_features() {
        let check = |tool: &Tool, line: &str| assert_eq!(tool.install_command(Path::new(".")).line(), line);
        check(&NEXTEST, "cargo install --locked cargo-nextest@0.9.151 --minimal");
        check(&TOOLS[0], "rustup component add rustfmt");
    }
}
