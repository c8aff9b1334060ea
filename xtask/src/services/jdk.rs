//! The Java that a service runs on.
//!
//! Its `java -version` shows one of the wanted versions, and the account of the services can start it.

use std::ffi::OsString;
use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use super::account;

/// Folders of installed Javas, and the path from there to a Java's home.
const KEPT: [(&str, &str); 2] = [("/usr/lib/jvm", ""), ("/Library/Java/JavaVirtualMachines", "Contents/Home")];

/// An installed Java.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Jdk {
    pub(super) home: PathBuf,
}

impl Jdk {
    /// The first with a wanted version: those named by the environment, then those installed.
    pub(crate) fn find(versions: &RangeInclusive<u32>) -> Option<Self> {
        let fits = |home: &PathBuf| version_of(home).is_some_and(|version| versions.contains(&version));
        homes().into_iter().find(fits).map(|home| Self { home })
    }

    pub(super) fn java(&self) -> PathBuf {
        java_in(&self.home)
    }
}

fn java_in(home: &Path) -> PathBuf {
    home.join("bin").join("java")
}

fn homes() -> Vec<PathBuf> {
    let named = ["OPENSEARCH_JAVA_HOME", "JAVA_HOME"].into_iter().filter_map(std::env::var_os).map(PathBuf::from);
    let kept = KEPT.into_iter().flat_map(|(folder, inner)| kept_in(Path::new(folder), inner));
    named.chain(in_path(std::env::var_os("PATH"))).chain(kept).collect()
}

/// Sorted, so that each run finds the same one.
fn kept_in(folder: &Path, inner: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    // From the components, since joining an empty path would leave a `/` at the end.
    let mut homes: Vec<PathBuf> = entries.map(|entry| entry.path().join(inner).components().collect()).collect();
    homes.sort();
    homes
}

/// The homes of the `java`s in the path, with links resolved.
fn in_path(path: Option<OsString>) -> Vec<PathBuf> {
    let folders = path.as_deref().map(std::env::split_paths).into_iter().flatten();
    let javas = folders.filter_map(|folder| fs::canonicalize(folder.join("java")).ok());
    javas.filter_map(|java| Some(java.parent()?.parent()?.to_owned())).filter(|home| java_in(home).exists()).collect()
}

fn version_of(home: &Path) -> Option<u32> {
    let java = java_in(home);
    if !java.exists() {
        return None;
    }
    let output = account::unprivileged(&java).arg("-version").output().ok()?;
    version_in(&String::from_utf8_lossy(&output.stderr))
}

/// The feature version in the output of `java -version`.
fn version_in(text: &str) -> Option<u32> {
    let (_, rest) = text.split_once("version \"")?;
    let mut numbers = rest.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse().ok());
    match numbers.next()? {
        Some(1) => numbers.next()?,
        number => number,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_the_output_of_each_java() {
        let check = |text, version| assert_eq!(version_in(text), version, "{text}");
        check("openjdk version \"17.0.15\" 2025-04-15\nOpenJDK Runtime", Some(17));
        check("openjdk version \"25.0.3\" 2026-04-21 LTS", Some(25));
        check("openjdk version \"21\" 2023-09-19", Some(21));
        check("java version \"1.8.0_402\"", Some(8));
        check("openjdk version \"26-ea\" 2026-03-17", Some(26));
        check("Picked up JAVA_TOOL_OPTIONS: -Xmx1g\nopenjdk version \"17.0.15\"", Some(17));
        check("Error: could not find libjava.so", None);
    }

    #[test]
    fn a_java_in_the_path_is_found_through_links() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = fs::canonicalize(folder.path()).expect("a path");
        let home = root.join("jvm");
        fs::create_dir_all(home.join("bin")).expect("a folder");
        fs::create_dir(root.join("bin")).expect("a folder");
        fs::write(java_in(&home), "").expect("a file");
        std::os::unix::fs::symlink(java_in(&home), root.join("bin").join("java")).expect("a link");
        let path = std::env::join_paths([root.join("none"), root.join("bin")]).expect("a path");
        assert_eq!(in_path(Some(path)), [home]);
        assert_eq!(in_path(None), Vec::<PathBuf>::new());
    }
}
