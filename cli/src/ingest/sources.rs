//! From paths to what is read: files, the event files of folders, stdin.
//!
//! Promises one order on every machine, and that a path which is not there, or a folder without
//! event files, is refused before anything is read. Links to folders are not followed below a
//! path: they may lead in a circle.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::exit::Failure;

/// The endings of event files. Others in a folder are passed over.
const ENDINGS: [&str; 3] = ["json", "jsonl", "ndjson"];

/// One thing to read.
#[derive(Debug)]
pub(super) struct Source {
    /// Its name in places.
    pub(super) name: Arc<str>,
    origin: Origin,
}

#[derive(Debug)]
enum Origin {
    Stdin,
    File(PathBuf),
    /// A folder that cannot be read: named when its turn comes, and the others go on.
    Unreadable(io::Error),
}

impl Source {
    fn file(path: PathBuf) -> Self {
        Self { name: path.to_string_lossy().into(), origin: Origin::File(path) }
    }

    /// Opens it.
    pub(super) fn open(self) -> io::Result<Box<dyn Read + Send>> {
        match self.origin {
            Origin::Stdin => Ok(Box::new(io::stdin())),
            Origin::File(path) => Ok(Box::new(File::open(path)?)),
            Origin::Unreadable(error) => Err(error),
        }
    }

    /// Whether its name says that every line is an input.
    pub(super) fn is_lines_by_name(&self) -> bool {
        matches!(&self.origin, Origin::File(path) if has_ending(path, &ENDINGS[1..]))
    }

    /// Its size, where it has one.
    pub(super) fn size(&self) -> Option<u64> {
        let Origin::File(path) = &self.origin else { return None };
        fs::metadata(path).ok().filter(fs::Metadata::is_file).map(|file| file.len())
    }
}

/// What those paths name, in their order; a folder's files in the order of their names.
pub(super) fn sources(paths: &[PathBuf]) -> Result<Vec<Source>, Failure> {
    let mut sources = Vec::new();
    for path in paths {
        if path == Path::new("-") {
            sources.push(Source { name: "stdin".into(), origin: Origin::Stdin });
            continue;
        }
        let about = fs::metadata(path).map_err(|error| not_there(path, &error))?;
        if !about.is_dir() {
            sources.push(Source::file(path.clone()));
            continue;
        }
        let before = sources.len();
        walk(path, &mut sources);
        if sources.len() == before {
            let message = format!("{}: there are no event files in this folder", path.display());
            return Err(Failure::wrong_use(message).hint("files that end in .json, .jsonl or .ndjson are taken"));
        }
    }
    Ok(sources)
}

fn not_there(path: &Path, error: &io::Error) -> Failure {
    let reason =
        if error.kind() == io::ErrorKind::NotFound { "there is no such file or folder" } else { "cannot be read" };
    let cause = if error.kind() == io::ErrorKind::NotFound { String::new() } else { format!(": {error}") };
    Failure::wrong_use(format!("{}: {reason}{cause}", path.display()))
}

fn walk(folder: &Path, sources: &mut Vec<Source>) {
    match entries(folder) {
        Err(error) => sources.push(Source { name: folder.to_string_lossy().into(), origin: Origin::Unreadable(error) }),
        Ok(entries) => {
            for (path, is_folder) in entries {
                if is_folder {
                    walk(&path, sources);
                } else if has_ending(&path, &ENDINGS) {
                    sources.push(Source::file(path));
                }
            }
        }
    }
}

fn entries(folder: &Path) -> io::Result<Vec<(PathBuf, bool)>> {
    let entry = |entry: io::Result<fs::DirEntry>| {
        let entry = entry?;
        Ok((entry.path(), entry.file_type()?.is_dir()))
    };
    let mut entries: Vec<(PathBuf, bool)> = fs::read_dir(folder)?.map(entry).collect::<io::Result<_>>()?;
    entries.sort();
    Ok(entries)
}

fn has_ending(path: &Path, endings: &[&str]) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| endings.iter().any(|known| known.eq_ignore_ascii_case(ending)))
}
