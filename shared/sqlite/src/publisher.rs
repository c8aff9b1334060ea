//! The local publisher: one JSON line an event, to a file or to standard output.
//!
//! Promises that a batch is flushed before it is answered, and that lines of several processes that
//! append to one file do not mix. Does not sync to the disk: a consumer reads while we write.

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
    sink: Arc<Mutex<Sink>>,
}

struct Sink {
    out: Box<dyn Write + Send>,
    /// Whether a line may stand there unfinished, from a write that failed or a process that died.
    torn: bool,
}

impl LocalPublisher {
    /// Appends to the file, which is made where there is none.
    pub fn file(path: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        let torn = ends_inside_a_line(&mut file)?;
        Ok(Self::to(&path.display().to_string(), Box::new(file), torn))
    }

    /// Writes to standard output.
    pub fn stdout() -> Self {
        Self::to("standard output", Box::new(io::stdout()), false)
    }

    fn to(name: &str, out: Box<dyn Write + Send>, torn: bool) -> Self {
        Self { name: name.into(), sink: Arc::new(Mutex::new(Sink { out, torn })) }
    }
}

fn ends_inside_a_line(file: &mut File) -> io::Result<bool> {
    // What has no length (a pipe, a terminal) has no end to look at.
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

impl Sink {
    /// Writes the lines in one call, so that other processes' lines do not come between.
    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        let torn = std::mem::replace(&mut self.torn, true);
        if torn {
            self.out.write_all(b"\n")?;
        }
        self.out.write_all(lines)?;
        self.out.flush()?;
        self.torn = false;
        Ok(())
    }
}

#[async_trait]
impl EventPublisher for LocalPublisher {
    async fn publish(&self, events: Vec<NormalizedEntityEvent>) -> Vec<Result<(), PortError>> {
        if events.is_empty() {
            return Vec::new();
        }
        let (name, sink, count) = (Arc::clone(&self.name), Arc::clone(&self.sink), events.len());
        let written = tokio::task::spawn_blocking(move || {
            let (lines, answers) = encode(&name, &events);
            let result = sink.lock().unwrap_or_else(PoisonError::into_inner).write(&lines);
            match result {
                Ok(()) => answers,
                Err(error) => answers.into_iter().map(|answer| answer.and(Err(unwritten(&name, &error)))).collect(),
            }
        });
        let unfinished = || PortError::new(PortErrorKind::OutcomeUnknown, &*self.name, "the write did not finish");
        written.await.unwrap_or_else(|_| (0..count).map(|_| Err(unfinished())).collect())
    }
}

/// All lines, and each event's answer, should the lines be written.
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
    let answers = events.iter().map(&mut encode).collect();
    (lines, answers)
}

fn unwritten(name: &str, error: &io::Error) -> PortError {
    let kind = match error.kind() {
        ErrorKind::BrokenPipe | ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            PortErrorKind::Misconfigured
        }
        // Some of the lines may be there.
        _ => PortErrorKind::OutcomeUnknown,
    };
    PortError::new(kind, name, "the events could not be written")
        .caused_by(io::Error::new(error.kind(), error.to_string()))
}

#[cfg(test)]
mod tests {
    use annals_application::contract::event_publisher::published_event;

    use super::*;

    /// A sink whose first write fails half way.
    struct FailsOnce(Arc<Mutex<Vec<u8>>>, bool);

    impl Write for FailsOnce {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let fails = std::mem::replace(&mut self.1, false);
            let taken = if fails { 10 } else { bytes.len() };
            self.0.lock().unwrap().extend_from_slice(&bytes[..taken]);
            if fails { Err(ErrorKind::StorageFull.into()) } else { Ok(taken) }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_line_torn_by_a_failed_write_is_ended_before_the_next() {
        let written = Arc::new(Mutex::new(Vec::new()));
        let publisher = LocalPublisher::to("test", Box::new(FailsOnce(Arc::clone(&written), true)), false);
        let answers = publisher.publish(vec![published_event(1), published_event(2)]).await;
        assert!(answers.iter().all(|answer| answer.as_ref().is_err_and(PortError::is_retryable)), "{answers:?}");
        assert!(publisher.publish(vec![published_event(1)]).await[0].is_ok());
        let written = String::from_utf8(written.lock().unwrap().clone()).unwrap();
        let lines: Vec<_> = written.lines().collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[1], serde_json::to_string(&published_event(1)).unwrap());
    }
}
