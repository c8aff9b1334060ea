//! Where an export is written: stdout, or a file that is complete or not there.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::exit::Failure;

/// The number of bytes that are written at once.
const BUFFER: usize = 64 * 1024;

/// A file that is being written, or stdout.
pub(crate) enum ExportFile {
    /// A closed pipe is no failure: the reader has seen enough.
    Stdout { to: BufWriter<io::Stdout>, is_closed: bool },
    /// Beside the file that it becomes.
    Temporary(BufWriter<NamedTempFile>, PathBuf),
    /// A pipe or a device cannot be replaced.
    Other(BufWriter<File>),
}

impl ExportFile {
    pub(crate) fn create(path: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = path else {
            return Ok(Self::Stdout { to: BufWriter::with_capacity(BUFFER, io::stdout()), is_closed: false });
        };
        let failed = |error: io::Error| Failure::usage(format!("{}: {error}", path.display()));
        if path.is_dir() {
            return Err(Failure::usage(format!("{}: it is a folder", path.display())));
        }
        if path.exists() && !path.is_file() {
            let file = File::options().write(true).open(path).map_err(failed)?;
            return Ok(Self::Other(BufWriter::with_capacity(BUFFER, file)));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
        let file = NamedTempFile::new_in(folder).map_err(failed)?;
        Ok(Self::Temporary(BufWriter::with_capacity(BUFFER, file), path.to_owned()))
    }

    /// Writes the rest, and gives the file its name.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        let failed = |path: &Path, error: &dyn std::fmt::Display| Failure::new(format!("{}: {error}", path.display()));
        self.flush().map_err(|error| Failure::new(format!("cannot write the entities: {error}")))?;
        match self {
            Self::Stdout { .. } | Self::Other(_) => Ok(()),
            Self::Temporary(file, path) => {
                let file = file.into_inner().map_err(|error| failed(&path, &error))?;
                file.as_file().sync_all().map_err(|error| failed(&path, &error))?;
                file.persist(&path).map(drop).map_err(|error| failed(&path, &error.error))
            }
        }
    }
}

impl Write for ExportFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout { is_closed: true, .. } => Ok(bytes.len()),
            Self::Stdout { to, is_closed } => unless_closed(to.write(bytes), is_closed, bytes.len()),
            Self::Temporary(to, _) => to.write(bytes),
            Self::Other(to) => to.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout { is_closed: true, .. } => Ok(()),
            Self::Stdout { to, is_closed } => unless_closed(to.flush(), is_closed, ()),
            Self::Temporary(to, _) => to.flush(),
            Self::Other(to) => to.flush(),
        }
    }
}

/// The result of a write, or `done` if the reader has closed the pipe.
fn unless_closed<T>(written: io::Result<T>, is_closed: &mut bool, done: T) -> io::Result<T> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            *is_closed = true;
            Ok(done)
        }
        written => written,
    }
}
