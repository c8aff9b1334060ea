//! The local publisher: one JSON line for each event, to a file or to standard output.
//!
//! A batch is flushed before the call returns, but not synced to the disk. The lines of several processes that append
//! to one file do not mix.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use annals_application::ports::{EventPublisher, NormalizedEntityEvent, PortError, PortErrorKind};
use async_trait::async_trait;

/// Publishes to a file or to standard output.
#[derive(Clone)]
pub struct LocalPublisher {
    name: Arc<str>,
    output: Arc<Mutex<LineOutput>>,
}

struct LineOutput {
    writer: Box<dyn Write + Send>,
    /// Whether the last line may be incomplete, after a failed write or a crash.
    is_torn: bool,
}

impl LocalPublisher {
    /// Appends to the file, and creates it if it is missing.
    pub fn file(path: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        let is_torn = ends_inside_a_line(&mut file)?;
        Ok(Self::to(&path.display().to_string(), Box::new(file), is_torn))
    }

    pub fn stdout() -> Self {
        Self::to("standard output", Box::new(io::stdout()), false)
    }

    fn to(name: &str, writer: Box<dyn Write + Send>, is_torn: bool) -> Self {
        Self { name: name.into(), output: Arc::new(Mutex::new(LineOutput { writer, is_torn })) }
    }
}

fn ends_inside_a_line(file: &mut File) -> io::Result<bool> {
    // A pipe or a terminal has no length, and no end to read.
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

impl LineOutput {
    /// Writes the lines in one call, so that the lines of other processes do not come between them.
    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        let was_torn = std::mem::replace(&mut self.is_torn, true);
        if was_torn {
            self.writer.write_all(b"\n")?;
        }
        self.writer.write_all(lines)?;
        self.writer.flush()?;
        self.is_torn = false;
        Ok(())
    }
}

#[async_trait]
impl EventPublisher for LocalPublisher {
    async fn publish(&self, events: Vec<NormalizedEntityEvent>) -> Vec<Result<(), PortError>> {
        if events.is_empty() {
            return Vec::new();
        }
        let (name, output, count) = (Arc::clone(&self.name), Arc::clone(&self.output), events.len());
        let written = tokio::task::spawn_blocking(move || {
            let (lines, results) = encode(&name, &events);
            let written = output.lock().unwrap_or_else(PoisonError::into_inner).write(&lines);
            match written {
                Ok(()) => results,
                Err(error) => results.into_iter().map(|result| result.and(Err(write_error(&name, &error)))).collect(),
            }
        });
        let unfinished = || PortError::new(PortErrorKind::OutcomeUnknown, &*self.name, "the write did not finish");
        written.await.unwrap_or_else(|_| (0..count).map(|_| Err(unfinished())).collect())
    }
}

/// All lines, and the result of each event if the lines can be written.
fn encode(name: &str, events: &[NormalizedEntityEvent]) -> (Vec<u8>, Vec<Result<(), PortError>>) {
    let mut lines = Vec::with_capacity(events.len() * 1024);
    let mut encode = |event: &NormalizedEntityEvent| {
        let start = lines.len();
        match serde_json::to_writer(&mut lines, event) {
            Ok(()) => {
                lines.push(b'\n');
                Ok(())
            }
            Err(error) => {
                lines.truncate(start);
                Err(PortError::new(PortErrorKind::Rejected, name, "the event cannot be written as JSON")
                    .caused_by(error))
            }
        }
    };
    let results = events.iter().map(&mut encode).collect();
    (lines, results)
}

fn write_error(name: &str, error: &io::Error) -> PortError {
    let kind = match error.kind() {
        ErrorKind::BrokenPipe | ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            PortErrorKind::Misconfigured
        }
        // Some of the lines may have been written.
        _ => PortErrorKind::OutcomeUnknown,
    };
    PortError::new(kind, name, "the events cannot be written")
        .caused_by(io::Error::new(error.kind(), error.to_string()))
}

#[cfg(test)]
mod tests {
    use annals_application::contract::event_publisher::published_event;

    use super::*;

    /// A writer whose first write fails after ten bytes.
    struct FailsOnce(Arc<Mutex<Vec<u8>>>, bool);

    impl Write for FailsOnce {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let fails = std::mem::replace(&mut self.1, false);
            let length = if fails { 10 } else { bytes.len() };
            self.0.lock().unwrap().extend_from_slice(&bytes[..length]);
            if fails { Err(ErrorKind::StorageFull.into()) } else { Ok(length) }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn an_incomplete_line_of_a_failed_write_is_ended_before_the_next() {
        let written = Arc::new(Mutex::new(Vec::new()));
        let publisher = LocalPublisher::to("test", Box::new(FailsOnce(Arc::clone(&written), true)), false);
        let results = publisher.publish(vec![published_event(1), published_event(2)]).await;
        assert!(results.iter().all(|result| result.as_ref().is_err_and(PortError::is_retryable)), "{results:?}");
        assert!(publisher.publish(vec![published_event(1)]).await[0].is_ok());
        let written = String::from_utf8(written.lock().unwrap().clone()).unwrap();
        let lines: Vec<_> = written.lines().collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[1], serde_json::to_string(&published_event(1)).unwrap());
    }
}
