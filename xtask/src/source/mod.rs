//! The source files of the workspace, as the rules and the counts of this command read them.
//!
//! These are the text files that git would commit, whether added yet or not. Without git they are all text files
//! outside `target` and `.git`.

pub(crate) mod code;
pub(crate) mod package;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::command::Cargo;

/// A text file of the tree.
#[derive(Debug, Clone)]
pub(crate) struct SourceFile {
    /// From the workspace's folder, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl SourceFile {
    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether it holds only tests, by its folder or its name.
    pub(crate) fn is_test(&self) -> bool {
        let mut parts = self.path.rsplit('/');
        let stem = parts.next().unwrap_or_default().trim_end_matches(".rs");
        stem == "tests" || stem.ends_with("_tests") || parts.any(|folder| folder == "tests")
    }
}

/// All text files, sorted by path.
pub(crate) fn files(root: &Path) -> Result<Vec<SourceFile>> {
    let mut paths = match known_to_git(root) {
        Some(paths) => paths,
        None => walked(root)?,
    };
    paths.sort();
    paths.dedup();
    let mut files = Vec::with_capacity(paths.len());
    for path in paths {
        files.extend(read(root, path)?);
    }
    Ok(files)
}

fn known_to_git(root: &Path) -> Option<Vec<String>> {
    let listed = Cargo::program("git", root, "ls-files -z --cached --others --exclude-standard").ask()?;
    Some(listed.split_terminator('\0').map(str::to_owned).collect())
}

fn walked(root: &Path) -> Result<Vec<String>> {
    let mut paths = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("`{}` cannot be listed", folder.display()))? {
            let path = entry?.path();
            if !path.is_dir() {
                paths.extend(path.strip_prefix(root).ok().and_then(Path::to_str).map(str::to_owned));
            } else if !path.ends_with("target") && !path.ends_with(".git") {
                folders.push(path);
            }
        }
    }
    Ok(paths)
}

/// The file, unless it is not text or was deleted since git listed it.
fn read(root: &Path, path: String) -> Result<Option<SourceFile>> {
    let whole = root.join(&path);
    if !whole.is_file() {
        return Ok(None);
    }
    let bytes = fs::read(&whole).with_context(|| format!("`{path}` cannot be read"))?;
    Ok(String::from_utf8(bytes).ok().map(|text| SourceFile { path, text }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with text, binary data and build output.
    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let write = |path: &str, bytes: &[u8]| {
            let whole = folder.path().join(path);
            fs::create_dir_all(whole.parent().expect("it has a parent")).expect("a folder");
            fs::write(whole, bytes).expect("a file");
        };
        write("b/kept.rs", b"text");
        write("a.toml", b"");
        write("bytes.bin", &[0xff, 0xfe]);
        write("target/made.rs", b"");
        write("ignored.db", b"");
        write(".gitignore", b"/target\n*.db\n");
        folder
    }

    fn paths(root: &Path) -> Vec<String> {
        files(root).expect("files").into_iter().map(|file| file.path).collect()
    }

    #[test]
    fn without_git_all_text_files_outside_of_build_output_are_read() {
        let folder = folder();
        assert_eq!(paths(folder.path()), [".gitignore", "a.toml", "b/kept.rs", "ignored.db"]);
    }

    #[test]
    fn with_git_files_that_are_not_added_yet_are_read_and_ignored_files_are_not() {
        let folder = folder();
        if Cargo::program("git", folder.path(), "init --quiet").ask().is_none() {
            return; // A machine without git walks, which the other test covers.
        }
        assert_eq!(paths(folder.path()), [".gitignore", "a.toml", "b/kept.rs"]);
    }
}
