//! The rules that hold for every file.
//!
//! Each is a function from a file to its findings, and looks at nothing else.

use super::finding::Finding;
use crate::source::SourceFile;

/// A longer file contains more than one object. CONTRIBUTING asks for 400 at most, with room for a rare exception.
const LONGEST_FILE: usize = 500;

/// Names that fit any content.
const NAMES_WITHOUT_IDEA: [&str; 6] = ["util", "utils", "helper", "helpers", "manager", "common"];

/// Folders of a user on one machine. Written in two halves, since this file is checked too.
const MACHINE_PATHS: [&str; 4] =
    [concat!("/", "home/"), concat!("/", "root/"), concat!("/", "work/"), concat!("/", "Users/")];

/// A file or folder has a name that says what is in it.
pub(super) fn name_says_an_idea(file: &SourceFile) -> Vec<Finding> {
    let stems = file.path.split('/').map(|part| part.split('.').next().unwrap_or(part));
    stems
        .filter(|stem| NAMES_WITHOUT_IDEA.contains(&stem.to_lowercase().as_str()))
        .map(|stem| Finding::new(file, 0, format!("`{stem}` does not say what is in it: name the concept")))
        .collect()
}

/// A Rust module begins with a doc that says what it is for.
pub(super) fn module_begins_with_its_doc(file: &SourceFile) -> Vec<Finding> {
    let first = file.text.lines().map(str::trim_start).find(|line| !line.is_empty() && !line.starts_with("#!["));
    if !file.is_rust() || first.is_some_and(|line| line.starts_with("//!")) {
        return Vec::new();
    }
    vec![Finding::new(file, 1, "begin the module with `//!`: what it does, and what its callers can rely on")]
}

/// No file contains a path of one machine.
pub(super) fn no_machine_paths(file: &SourceFile) -> Vec<Finding> {
    let lines = file.text.lines().enumerate();
    lines
        .filter_map(|(index, line)| Some((index + 1, machine_path_in(line)?)))
        .map(|(line, path)| Finding::new(file, line, format!("`{path}` is a path on one machine")))
        .collect()
}

/// A file contains one object.
pub(super) fn not_too_long(file: &SourceFile) -> Vec<Finding> {
    let lines = file.text.lines().count();
    if !file.is_rust() || file.is_test() || lines <= LONGEST_FILE {
        return Vec::new();
    }
    vec![Finding::new(file, 0, format!("{lines} lines, at most {LONGEST_FILE} are allowed: one object, one file"))]
}

/// The machine path in a line, if a path begins with it.
fn machine_path_in(line: &str) -> Option<&'static str> {
    let begins_a_path = |(at, _): (usize, &str)| {
        !line[..at].ends_with(|c: char| c.is_alphanumeric() || ['_', '-', '.', '~', '}', ')', '*', '>'].contains(&c))
    };
    MACHINE_PATHS.into_iter().find(|path| line.match_indices(path).any(begins_a_path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rule: fn(&SourceFile) -> Vec<Finding>, path: &str, text: &str, lines: &[usize]) {
        let file = SourceFile { path: path.to_owned(), text: text.to_owned() };
        let found: Vec<usize> = rule(&file).iter().map(|finding| finding.line).collect();
        assert_eq!(found, lines, "{path}: {text}");
    }

    #[test]
    fn names_without_an_idea_are_found_in_files_and_folders() {
        check(name_says_an_idea, "shared/domain/src/path.rs", "", &[]);
        check(name_says_an_idea, "shared/domain/src/utils.rs", "", &[0]);
        check(name_says_an_idea, "docs/Common.md", "", &[0]);
        check(name_says_an_idea, "shared/helpers/src/lib.rs", "", &[0]);
        check(name_says_an_idea, "shared/common/manager.rs", "", &[0, 0]);
        check(name_says_an_idea, "shared/src/utility_bills.rs", "", &[]);
        check(name_says_an_idea, "shared/src/common_ancestor.rs", "", &[]);
    }

    #[test]
    fn a_module_begins_with_its_doc() {
        check(module_begins_with_its_doc, "a.rs", "//! Reads a path.\n", &[]);
        check(module_begins_with_its_doc, "a.rs", "\n#![allow(dead_code)]\n//! Reads a path.\n", &[]);
        check(module_begins_with_its_doc, "a.rs", "use std::fmt;\n//! Too late.\n", &[1]);
        check(module_begins_with_its_doc, "a.rs", "// A note.\nuse std::fmt;\n", &[1]);
        check(module_begins_with_its_doc, "a.rs", "", &[1]);
        check(module_begins_with_its_doc, "a.toml", "", &[]);
    }

    #[test]
    fn a_path_on_one_machine_is_found_where_a_path_begins() {
        let [home, root, work, users] = MACHINE_PATHS;
        check(no_machine_paths, "a.md", &format!("one\ntwo {home}me\n{root}x and {home}x"), &[2, 3]);
        check(no_machine_paths, "a.json", &format!(r#"{{"path": "{work}x"}}"#), &[1]);
        check(no_machine_paths, "a.rs", &format!("file://{users}me"), &[1]);
        check(no_machine_paths, "a.rs", &format!("see `{root}.cargo`"), &[1]);
        check(no_machine_paths, "a.md", &format!("https://example.com{home}page"), &[]);
        check(no_machine_paths, "a.sh", &format!("ls src{work}x ..{work} ~{home} ${{x}}{root}"), &[]);
        check(no_machine_paths, "a.md", &home[..home.len() - 1], &[]);
    }

    #[test]
    fn only_code_that_is_no_test_has_a_longest_length() {
        let (longest, longer) = ("\n".repeat(LONGEST_FILE), "\n".repeat(LONGEST_FILE + 1));
        check(not_too_long, "src/fold.rs", &longest, &[]);
        check(not_too_long, "src/fold.rs", &longer, &[0]);
        check(not_too_long, "src/contests.rs", &longer, &[0]);
        check(not_too_long, "src/fold/tests.rs", &longer, &[]);
        check(not_too_long, "src/fold_tests.rs", &longer, &[]);
        check(not_too_long, "tests/src/pipeline.rs", &longer, &[]);
        check(not_too_long, "Cargo.lock", &longer, &[]);
    }
}
