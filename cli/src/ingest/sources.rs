//! From paths to sources: files, the event files of folders, stdin.
//!
//! The order is the same on every machine. A path that does not exist, or a folder without event files, is refused
//! before anything is read. Links to folders below a path are not followed: they may form a cycle.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::exit::Failure;

/// The endings of event files. Other files in a folder are ignored.
const ENDINGS: [&str; 3] = ["json", "jsonl", "ndjson"];

#[derive(Debug)]
pub(super) struct Source {
    pub(super) name: Arc<str>,
    origin: Origin,
}

#[derive(Debug)]
enum Origin {
    Stdin,
    File(PathBuf),
    /// A folder that cannot be read. It is reported in its turn, and the others are read.
    Unreadable(io::Error),
}

impl Source {
    fn file(path: PathBuf) -> Self {
        Self { name: path.to_string_lossy().into(), origin: Origin::File(path) }
    }

    pub(super) fn open(self) -> io::Result<Box<dyn Read + Send>> {
        match self.origin {
            Origin::Stdin => Ok(Box::new(io::stdin())),
            Origin::File(path) => Ok(Box::new(File::open(path)?)),
            Origin::Unreadable(error) => Err(error),
        }
    }

    /// Whether the ending of its name means that every line is an input.
    pub(super) fn is_lines_by_name(&self) -> bool {
        matches!(&self.origin, Origin::File(path) if has_ending(path, &ENDINGS[1..]))
    }

    /// In bytes; `None` if it is not a regular file.
    pub(super) fn size(&self) -> Option<u64> {
        let Origin::File(path) = &self.origin else { return None };
        fs::metadata(path).ok().filter(fs::Metadata::is_file).map(|file| file.len())
    }
}

pub(crate) struct Sources(pub(super) Vec<Source>);

impl Sources {
    /// The sources in the order of the paths; the files of a folder in the order of their names.
    pub(crate) fn of(paths: &[PathBuf]) -> Result<Self, Failure> {
        let mut sources = Vec::new();
        for path in paths {
            if path == Path::new("-") {
                sources.push(Source { name: "stdin".into(), origin: Origin::Stdin });
                continue;
            }
            let metadata = fs::metadata(path).map_err(|error| unreadable(path, &error))?;
            if !metadata.is_dir() {
                sources.push(Source::file(path.clone()));
                continue;
            }
            let before = sources.len();
            walk(path, &mut sources);
            if sources.len() == before {
                let message = format!("{}: no event files in this folder", path.display());
                return Err(Failure::usage(message).hint("event files end in .json, .jsonl or .ndjson"));
            }
        }
        Ok(Self(sources))
    }

    /// A progress bar by bytes on stderr, if that is a terminal.
    pub(super) fn bar(&self) -> ProgressBar {
        let total: Option<u64> = self.0.iter().map(Source::size).sum();
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
        let template = match total {
            Some(_) => "{bar:30} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left",
            None => "{spinner} {bytes}, {bytes_per_sec}",
        };
        bar.with_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()))
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::usage(match error.kind() {
        io::ErrorKind::NotFound => format!("{}: no such file or folder", path.display()),
        _ => format!("{}: cannot be read: {error}", path.display()),
    })
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
