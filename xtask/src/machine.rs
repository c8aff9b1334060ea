//! Programs that the machine must have: those that are neither part of Rust nor kept in `target`.
//!
//! All missing programs are known before the first step. Root gets them installed if there is `apt-get`. For other
//! users the error lists all of them, with the command that installs them.

use std::ops::RangeInclusive;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use crate::command::Cargo;
use crate::runner::{Outcome, Step};
use crate::services::{self, Jdk};

/// Debian packages of a Java that every service runs on. The first that the system offers is installed.
const JAVAS: [&str; 2] = ["openjdk-17-jre-headless", "openjdk-21-jre-headless"];
const SOME_JAVA: &str = "default-jre-headless";

/// A program that must be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Need {
    /// A Java of one of these versions.
    Java(RangeInclusive<u32>),
    /// `mvn`.
    Maven,
    /// `python3`, able to make environments that have `pip`.
    Python,
}

/// A step that installs what is missing, or fails with a list.
pub(crate) fn step(root: &'static Path, needs: impl Fn() -> Result<Vec<Need>> + 'static) -> Step {
    Step::new("machine", move || provide(root, &needs()?))
}

fn provide(root: &Path, needs: &[Need]) -> Result<Outcome> {
    let lacking = || needs.iter().filter(|need| !need.is_met(root)).cloned().collect::<Vec<_>>();
    let missing = lacking();
    if missing.is_empty() {
        return Ok(Outcome::DoneWith("nothing is missing".to_owned()));
    }
    let has = |package: &str| Cargo::program("apt-cache", root, &format!("show {package}")).ask().is_some();
    if !services::is_root() || Cargo::program("apt-get", root, "--version").ask().is_none() {
        bail!(refusal(&missing, has));
    }
    // A bare machine has no package lists, and they show which Java there is.
    Cargo::program("apt-get", root, "update -qq").run().with_context(|| refusal(&missing, has))?;
    let install = format!("install -y -qq --no-install-recommends {}", packages(&missing, has));
    let install = Cargo::program("apt-get", root, &install).env("DEBIAN_FRONTEND", "noninteractive");
    install.run().with_context(|| refusal(&missing, has))?;
    let still = lacking();
    ensure!(still.is_empty(), "{} still not found after the installation", words(&still).join(", "));
    Ok(Outcome::DoneWith(format!("{} installed", words(&missing).join(", "))))
}

impl Need {
    fn is_met(&self, root: &Path) -> bool {
        match self {
            Self::Java(versions) => Jdk::find(versions).is_some(),
            Self::Maven => is_in_path("mvn"),
            // Debian keeps `ensurepip` in a package of its own.
            Self::Python => {
                Cargo::program("python3", root, "-c __import__('venv'),__import__('ensurepip')").ask().is_some()
            }
        }
    }
}

/// Only looks for the file: `mvn --version` fails without a Java.
fn is_in_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn refusal(missing: &[Need], has: impl Fn(&str) -> bool) -> String {
    let list = words(missing).join(", ");
    let mut text = format!("missing: {list}; on Debian: `sudo apt-get install {}`", packages(missing, has));
    if missing.iter().any(|need| *need != Need::Python) {
        text.push_str(" (with a Docker engine that can pull the services' images, Java and Maven are not needed)");
    }
    text
}

/// A name for each. One Java for all services.
fn words(missing: &[Need]) -> Vec<String> {
    let mut words: Vec<String> = java(missing).map(|versions| format!("Java {versions}")).into_iter().collect();
    if missing.contains(&Need::Maven) {
        words.push("Maven (`mvn`)".to_owned());
    }
    if missing.contains(&Need::Python) {
        words.push("python3 with venv".to_owned());
    }
    words
}

/// The versions that suit all services that need a Java.
fn java(missing: &[Need]) -> Option<String> {
    let versions = missing.iter().filter_map(|need| match need {
        Need::Java(versions) => Some(versions.clone()),
        Need::Maven | Need::Python => None,
    });
    let both = |one: RangeInclusive<u32>, other: RangeInclusive<u32>| {
        *one.start().max(other.start())..=*one.end().min(other.end())
    };
    let versions = versions.reduce(both)?;
    Some(match *versions.end() {
        u32::MAX => format!("{} or later", versions.start()),
        end => format!("{} to {end}", versions.start()),
    })
}

/// Their Debian packages, in one line.
fn packages(missing: &[Need], has: impl Fn(&str) -> bool) -> String {
    let mut packages = Vec::new();
    if java(missing).is_some() {
        packages.push(JAVAS.into_iter().find(|package| has(package)).unwrap_or(SOME_JAVA));
    }
    if missing.contains(&Need::Maven) {
        packages.push("maven");
    }
    if missing.contains(&Need::Python) {
        packages.extend(["python3", "python3-venv"]);
    }
    packages.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATER: Need = Need::Java(17..=u32::MAX);
    const OLDER: Need = Need::Java(11..=23);

    #[track_caller]
    fn check(missing: &[Need], known: &[&str], text: &str) {
        assert_eq!(refusal(missing, |package| known.contains(&package)), text);
    }

    #[test]
    fn all_missing_programs_are_listed_with_one_command() {
        check(
            &[LATER, Need::Maven, OLDER, Need::Maven, Need::Python, Need::Python],
            &JAVAS,
            "missing: Java 17 to 23, Maven (`mvn`), python3 with venv; on Debian: `sudo apt-get install \
             openjdk-17-jre-headless maven python3 python3-venv` (with a Docker engine that can pull the services' \
             images, Java and Maven are not needed)",
        );
    }

    #[test]
    fn programs_that_are_there_are_not_listed() {
        let text = "missing: python3 with venv; on Debian: `sudo apt-get install python3 python3-venv`";
        check(&[Need::Python], &JAVAS, text);
    }

    #[test]
    fn the_java_that_the_system_offers_is_chosen() {
        let java = |known: &[&str]| packages(std::slice::from_ref(&LATER), |package| known.contains(&package));
        assert_eq!(java(&JAVAS), "openjdk-17-jre-headless");
        assert_eq!(java(&["openjdk-21-jre-headless"]), "openjdk-21-jre-headless");
        assert_eq!(java(&[]), SOME_JAVA);
        assert_eq!(words(&[LATER]), ["Java 17 or later"]);
        assert_eq!(words(&[LATER, OLDER]), ["Java 17 to 23"]);
    }

    #[test]
    fn a_machine_with_all_programs_passes() {
        let outcome = provide(Path::new("."), &[]).expect("nothing is needed");
        assert_eq!(outcome, Outcome::DoneWith("nothing is missing".to_owned()));
    }

    #[test]
    fn a_need_is_met_by_an_installed_program() {
        let root = Path::new(".");
        assert!(!Need::Java(4000..=4001).is_met(root), "there is no such Java");
        assert!(is_in_path("sh") && !is_in_path("no-such-program-here"));
    }
}
