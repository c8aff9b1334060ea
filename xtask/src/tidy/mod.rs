//! House rules that neither the compiler nor clippy checks.
//!
//! They hold for the files that git would commit. That every sample payload is used is checked by the tests.

mod circles;
mod domain;
mod finding;
mod imports;
mod rules;
mod writes;

use std::path::Path;

use anyhow::{Result, ensure};

use self::finding::Finding;
use crate::source::package::{Package, packages};
use crate::source::{self, SourceFile};

/// The result of checking the whole tree.
#[derive(Debug)]
pub(crate) struct Report {
    /// The number of files that were checked.
    pub(crate) files: usize,
    /// In the order of the rules and, within one, of the paths.
    pub(crate) findings: Vec<Finding>,
}

/// Checks all rules against the tree under `root`.
pub(crate) fn check(root: &Path) -> Result<Report> {
    let files = source::files(root)?;
    // A tree without the domain is not ours: rules that look at nothing would always pass.
    ensure!(files.iter().any(|file| file.path == domain::MANIFEST), "`{}` does not exist", domain::MANIFEST);
    let mut findings: Vec<Finding> = files.iter().flat_map(rules_of_a_file).collect();
    let packages = packages(&files)?;
    findings.extend(packages.iter().flat_map(rules_of_a_package));
    findings.extend(circles::no_stale_exception(&packages));
    Ok(Report { files: files.len(), findings })
}

fn rules_of_a_file(file: &SourceFile) -> Vec<Finding> {
    let mut findings = rules::name_says_an_idea(file);
    findings.extend(rules::module_begins_with_its_doc(file));
    findings.extend(rules::no_machine_paths(file));
    findings.extend(rules::not_too_long(file));
    findings.extend(domain::has_no_means_for_io(file));
    findings.extend(domain::does_no_io(file));
    findings
}

fn rules_of_a_package(package: &Package) -> Vec<Finding> {
    let mut findings = circles::no_import_circle(package);
    findings.extend(writes::only_the_event_store_writes_events(package));
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_of_a_file_is_checked() {
        let text = format!("use std::fs;\n// see {}\n{}", concat!("/", "home/me"), "\n".repeat(500));
        let file = SourceFile { path: "shared/domain/src/utils.rs".to_owned(), text };
        let lines: Vec<usize> = rules_of_a_file(&file).iter().map(|finding| finding.line).collect();
        assert_eq!(lines, [0, 1, 2, 0, 1], "name, module doc, machine path, length, I/O");
    }

    #[test]
    fn every_rule_of_a_package_is_checked() {
        let file = |path: &str, text: &str| SourceFile { path: path.to_owned(), text: text.to_owned() };
        let files = [
            file("shared/a/Cargo.toml", ""),
            file("shared/a/src/lib.rs", "mod one;\nmod two;"),
            file("shared/a/src/one.rs", "use crate::two::Two;\npub struct One;"),
            file("shared/a/src/two.rs", "use crate::one::One;\npub struct Two;\nfn f() { client.put_item(); }"),
        ];
        let packages = packages(&files).expect("it is Rust");
        let found: Vec<_> = rules_of_a_package(&packages[0]).iter().map(|it| (it.path.clone(), it.line)).collect();
        assert_eq!(
            found,
            [("shared/a/src/one.rs".to_owned(), 0), ("shared/a/src/two.rs".to_owned(), 3)],
            "circle, write"
        );
    }

    #[test]
    fn a_tree_without_the_domain_is_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let error = check(folder.path()).expect_err("there is nothing to check");
        assert_eq!(error.to_string(), "`shared/domain/Cargo.toml` does not exist");
    }
}
