//! The log on stderr: nobody waits for it, and nobody fails by it.
//!
//! A thread writes the lines. Whether stderr is closed, its disk is full, or its reader has stopped reading: the
//! process goes on. Lines that do not fit into the queue are dropped, and their number is logged when there is room.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// The number of lines that wait to be written.
const QUEUE: usize = 4_096;
/// How long the end of the process waits for room in the queue, and then for the last lines.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);
const FLUSH_ATTEMPTS: u32 = 100;

enum Message {
    Line(Vec<u8>),
    /// Is answered when everything before it is written.
    Flush(SyncSender<()>),
}

#[derive(Clone)]
pub(crate) struct Log {
    queue: SyncSender<Message>,
    dropped: Arc<AtomicU64>,
}

impl Log {
    /// Starts the thread.
    pub(crate) fn start() -> io::Result<Self> {
        Self::to(Box::new(io::stderr()))
    }

    fn to(output: Box<dyn Write + Send>) -> io::Result<Self> {
        let (queue, messages) = sync_channel(QUEUE);
        let dropped = Arc::new(AtomicU64::new(0));
        let log = Self { queue, dropped: Arc::clone(&dropped) };
        let thread = std::thread::Builder::new().name("log".to_owned());
        thread.spawn(move || write_all(&messages, output, &dropped))?;
        Ok(log)
    }

    /// Waits until the lines so far are written, for two seconds at most.
    pub(crate) fn flush(&self) {
        let (done, answered) = sync_channel(1);
        let mut message = Message::Flush(done);
        for _ in 0..FLUSH_ATTEMPTS {
            match self.queue.try_send(message) {
                Ok(()) => {
                    let _ = answered.recv_timeout(FLUSH_TIMEOUT);
                    return;
                }
                Err(TrySendError::Full(unsent)) => message = unsent,
                Err(TrySendError::Disconnected(_)) => return,
            }
            std::thread::sleep(FLUSH_TIMEOUT / FLUSH_ATTEMPTS);
        }
    }
}

/// Errors are ignored: there is nowhere to report them to.
fn write_all(messages: &Receiver<Message>, mut output: Box<dyn Write + Send>, dropped: &AtomicU64) {
    for message in messages {
        match message {
            Message::Line(line) => {
                let _ = output.write_all(&line);
            }
            Message::Flush(done) => {
                let _ = done.try_send(());
            }
        }
        let lost = dropped.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let _ = writeln!(output, "{lost} lines of the log were dropped: it was not read fast enough");
        }
    }
}

impl Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.queue.try_send(Message::Line(line.to_vec())).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// An output that waits for a permit before each write.
    struct Gated {
        permits: Receiver<()>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Gated {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.permits.recv().map_err(|_| io::ErrorKind::BrokenPipe)?;
            self.written.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_are_dropped_and_counted_while_nobody_reads_them() {
        let (permit, permits) = sync_channel(2 * QUEUE);
        let written = Arc::new(Mutex::new(Vec::new()));
        let mut log = Log::to(Box::new(Gated { permits, written: Arc::clone(&written) })).unwrap();
        for _ in 0..QUEUE + 100 {
            log.write_all(b"a line\n").unwrap();
        }
        for _ in 0..2 * QUEUE {
            permit.send(()).unwrap();
        }
        log.flush();
        let written = String::from_utf8(written.lock().unwrap().clone()).unwrap();
        assert!(written.contains("lines of the log were dropped"), "{} bytes", written.len());
        // One line may be in the writer's hands already.
        let lines = written.lines().filter(|line| *line == "a line").count();
        assert!((QUEUE..=QUEUE + 1).contains(&lines), "{lines}");
    }

    #[test]
    fn an_output_that_fails_is_no_failure_of_those_who_log() {
        let (permit, permits) = sync_channel(1);
        drop(permit);
        let mut log = Log::to(Box::new(Gated { permits, written: Arc::default() })).unwrap();
        for _ in 0..10 {
            log.write_all(b"a line\n").unwrap();
            log.flush();
        }
    }
}
