//! No file of a crate imports, by whatever way, a file that imports it.
//!
//! Files in a circle are read together or not at all. What two of them need goes into a file of its own.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::Finding;
use super::imports::{Imports, imports_of};
use crate::source::package::Package;

/// Circles inside one folder that may stay: their files, in order, and why.
const ALLOWED: &[(&[&str], &str)] = &[];

/// All circles of a package but the allowed ones.
pub(super) fn no_import_circle(package: &Package) -> Vec<Finding> {
    findings(&imports_of(package), ALLOWED)
}

/// An allowed circle that no longer exists must leave the table.
pub(super) fn no_stale_exception(packages: &[Package]) -> Vec<Finding> {
    let circles: Vec<Vec<String>> = packages.iter().flat_map(|package| circles(&imports_of(package))).collect();
    let stale = ALLOWED.iter().filter(|(files, _)| !circles.iter().any(|circle| circle == files));
    stale
        .map(|(files, _)| Finding::at(files[0], 0, "this allowed import circle is gone: remove its exception"))
        .collect()
}

fn findings(imports: &Imports, allowed: &[(&[&str], &str)]) -> Vec<Finding> {
    let circles = circles(imports);
    let refused = circles.iter().filter(|circle| !allowed.iter().any(|(files, _)| circle == files));
    refused.map(|circle| Finding::at(&circle[0], 0, description(circle, imports))).collect()
}

/// The groups of files that reach each other, each sorted.
fn circles(imports: &Imports) -> Vec<Vec<String>> {
    let mut edges: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (from, to) in imports.keys() {
        edges.entry(from).or_default().push(to);
    }
    let reached: BTreeMap<&str, BTreeSet<&str>> =
        edges.keys().map(|file| (*file, reached_from(file, &edges))).collect();
    let reaches = |from: &str, to: &str| reached.get(from).is_some_and(|files| files.contains(to));
    let mut circles = BTreeSet::new();
    for (file, files) in &reached {
        if files.contains(file) {
            circles
                .insert(files.iter().filter(|other| reaches(other, file)).map(|&it| it.to_owned()).collect::<Vec<_>>());
        }
    }
    circles.into_iter().collect()
}

fn reached_from<'a>(file: &'a str, edges: &BTreeMap<&'a str, Vec<&'a str>>) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open = vec![file];
    while let Some(from) = open.pop() {
        open.extend(edges.get(from).into_iter().flatten().filter(|to| reached.insert(**to)));
    }
    reached
}

fn description(circle: &[String], imports: &Imports) -> String {
    let inside = imports.iter().filter(|((from, to), _)| circle.contains(from) && circle.contains(to));
    let lines =
        inside.map(|((from, to), names)| format!("\n    {from} -> {to}: {}", Vec::from_iter(names.clone()).join(", ")));
    format!(
        "import circle of {} files: move what they share to one of its own{}",
        circle.len(),
        String::from_iter(lines)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn imports(edges: &[(&str, &str, &str)]) -> Imports {
        let edge = |(from, to, name): &(&str, &str, &str)| {
            ((format!("{from}.rs"), format!("{to}.rs")), BTreeSet::from([(*name).to_owned()]))
        };
        edges.iter().map(edge).collect()
    }

    #[test]
    fn files_that_import_each_other_by_whatever_way_are_found_with_the_names() {
        assert_eq!(findings(&imports(&[("a", "b", "B"), ("b", "c", "C"), ("a", "c", "C")]), &[]), []);
        let found = findings(&imports(&[("a", "b", "B"), ("b", "c", "C"), ("c", "a", "A"), ("d", "a", "A")]), &[]);
        let text = "a.rs: import circle of 3 files: move what they share to one of its own\n    a.rs -> b.rs: B\n    \
                    b.rs -> c.rs: C\n    c.rs -> a.rs: A";
        assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), [text]);
    }

    #[test]
    fn an_allowed_circle_is_no_finding_until_another_file_joins_it() {
        let allowed: &[(&[&str], &str)] = &[(&["a.rs", "b.rs"], "one object in two files")];
        let two = [("a", "b", "B"), ("b", "a", "A")];
        assert_eq!(findings(&imports(&two), allowed), []);
        let three = [two[0], two[1], ("b", "c", "C"), ("c", "b", "B")];
        assert_eq!(findings(&imports(&three), allowed).len(), 1);
    }

    #[test]
    fn allowed_circles_lie_in_one_folder_and_have_a_reason() {
        for (files, reason) in ALLOWED {
            let folders: BTreeSet<_> =
                files.iter().map(|file| file.rsplit_once('/').map(|(folder, _)| folder)).collect();
            assert_eq!(folders.len(), 1, "{files:?}");
            assert!(!reason.is_empty() && files.is_sorted(), "{files:?}");
        }
    }
}
