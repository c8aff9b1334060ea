//! House rules that neither compiler nor clippy knows.
//!
//! Promises that each finding names its place and the way out. What is checked is what git would
//! commit; that every sample payload is used is for the tests to say.

mod domain;
mod rules;
mod tree;

use std::fmt;
use std::path::Path;

use anyhow::{Result, ensure};

use self::tree::SourceFile;

/// A place that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    path: String,
    /// The line, from 1; 0 where it is about the whole file.
    line: usize,
    reason: String,
}

/// What a check of the whole tree found.
#[derive(Debug)]
pub(crate) struct Report {
    /// How many files were looked at.
    pub(crate) files: usize,
    /// What breaks a rule, in the order of the paths.
    pub(crate) findings: Vec<Finding>,
}

/// Holds all rules against the tree under `root`.
pub(crate) fn check(root: &Path) -> Result<Report> {
    let files = tree::files(root)?;
    // A tree without the domain is no tree of ours: rules held against nothing would always pass.
    ensure!(files.iter().any(|file| file.path == domain::MANIFEST), "{} is not there", domain::MANIFEST);
    let findings = files.iter().flat_map(all_rules).collect();
    Ok(Report { files: files.len(), findings })
}

fn all_rules(file: &SourceFile) -> Vec<Finding> {
    let mut findings = rules::name_says_an_idea(file);
    findings.extend(rules::module_says_what_it_promises(file));
    findings.extend(rules::no_machine_paths(file));
    findings.extend(rules::not_too_long(file));
    findings.extend(domain::has_no_means_for_io(file));
    findings.extend(domain::does_no_io(file));
    findings
}

impl Finding {
    fn new(file: &SourceFile, line: usize, reason: impl Into<String>) -> Self {
        Self { path: file.path.clone(), line, reason: reason.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.reason),
            line => write!(f, "{}:{line}: {}", self.path, self.reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_names_its_place() {
        let finding = |line| Finding { path: "a/b.rs".to_owned(), line, reason: "no".to_owned() };
        assert_eq!(finding(3).to_string(), "a/b.rs:3: no");
        assert_eq!(finding(0).to_string(), "a/b.rs: no");
    }

    #[test]
    fn every_rule_is_held_against_every_file() {
        let text = format!("use std::fs;\n// see {}\n{}", concat!("/", "home/me"), "\n".repeat(500));
        let file = SourceFile { path: "shared/domain/src/utils.rs".to_owned(), text };
        let lines: Vec<usize> = all_rules(&file).iter().map(|finding| finding.line).collect();
        assert_eq!(lines, [0, 1, 2, 0, 1], "name, module words, machine path, length, I/O");
    }

    #[test]
    fn a_tree_without_the_domain_is_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let error = check(folder.path()).expect_err("there is nothing to check");
        assert_eq!(error.to_string(), "shared/domain/Cargo.toml is not there");
    }
}
