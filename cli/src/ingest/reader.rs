//! The reader thread: from sources to batches of inputs.
//!
//! Its memory is bounded whatever the sources are: one document or line, one batch, and what waits in the channel.
//! Nothing is dropped: what is no input is passed on to be quarantined.

use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::sync::Arc;

use annals_domain::validation_issue::ValidationIssue;
use annals_json::{self as json, JsonError};
use indicatif::ProgressBar;
use tokio::sync::mpsc;

use super::format::{Format, detect};
use super::input::{Disconnected, FromReader, Input, SourceLocation};
use super::lines::{LineRead, MAX_INPUT_BYTES, next_line, rest_of_line};
use super::provider_choice::ProviderChoice;
use super::sources::Source;

/// A batch is one transaction: large enough to share its cost, small enough to be stored soon.
const MAX_BATCH_INPUTS: usize = 512;
const MAX_BATCH_BYTES: usize = 4 * 1024 * 1024;
/// How many parts of a long line are read ahead.
const PARTS_AHEAD: usize = 4;
/// How much is read from a source at once.
const BUFFER_BYTES: usize = 64 * 1024;

pub(super) struct Reader {
    to: mpsc::Sender<FromReader>,
    providers: ProviderChoice,
    bar: ProgressBar,
    batch: Vec<Input>,
    batch_bytes: usize,
}

impl Reader {
    pub(super) fn new(to: mpsc::Sender<FromReader>, providers: ProviderChoice, bar: ProgressBar) -> Self {
        Self { to, providers, bar, batch: Vec::new(), batch_bytes: 0 }
    }

    /// Reads all sources, or until nobody receives any more.
    pub(super) fn run(mut self, sources: Vec<Source>) {
        for source in sources {
            let name = Arc::clone(&source.name);
            let sent = match self.read(source) {
                Ok(sent) => sent,
                Err(error) => self.failed(SourceLocation::file(&name), format!("cannot be read: {error}")),
            };
            if sent.is_err() {
                return;
            }
        }
        let _ = self.flush();
    }

    fn read(&mut self, source: Source) -> io::Result<Result<(), Disconnected>> {
        let (name, is_lines) = (Arc::clone(&source.name), source.is_lines_by_name());
        // A file has all its bytes; anything else may keep the reader waiting.
        let may_wait = source.size().is_none();
        let mut from = BufReader::with_capacity(BUFFER_BYTES, source.open()?);
        match detect(&mut from, is_lines)? {
            Format::Document(bytes) => Ok(self.document(&name, bytes)),
            Format::Lines(head) => {
                let from = BufReader::with_capacity(BUFFER_BYTES, Cursor::new(head).chain(from));
                self.lines(&name, from, may_wait)
            }
        }
    }

    fn document(&mut self, name: &Arc<str>, bytes: Vec<u8>) -> Result<(), Disconnected> {
        if bytes.trim_ascii().is_empty() {
            return self.failed(SourceLocation::file(name), "the file is empty".to_owned());
        }
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let (line, issue) = not_utf8(error.as_bytes(), error.utf8_error().valid_up_to());
                return self.unreadable(SourceLocation::from_line(name, line), error.into_bytes(), issue);
            }
        };
        let elements = match json::split(&text) {
            Ok(elements) => elements,
            Err(fault) => {
                let location = SourceLocation::from_line(name, fault.line as u64);
                let issue = not_json(&fault);
                return self.unreadable(location, text.into_bytes(), issue);
            }
        };
        let (mut line, mut counted) = (1, 0);
        for element in elements {
            let start = element.as_ptr().addr() - text.as_ptr().addr();
            line += count_lines(&text.as_bytes()[counted..start]);
            counted = start;
            self.input(SourceLocation::from_line(name, line), element)?;
        }
        Ok(())
    }

    fn lines<R: Read>(
        &mut self,
        name: &Arc<str>,
        mut from: BufReader<R>,
        may_wait: bool,
    ) -> io::Result<Result<(), Disconnected>> {
        let (mut line, mut is_empty) = (Vec::new(), true);
        for number in 1.. {
            let location = SourceLocation::line(name, number);
            let sent = match next_line(&mut from, &mut line)? {
                None => break,
                Some(LineRead::TooLong) => self.long_line(location, std::mem::take(&mut line), &mut from),
                Some(LineRead::Complete) if line.trim_ascii().is_empty() => continue,
                Some(LineRead::Complete) => self.line(location, &line),
            };
            is_empty = false;
            if sent.is_err() {
                return Ok(sent);
            }
            // An input must not wait for the next one if that may take long, unless a batch waits before it.
            if may_wait
                && from.buffer().is_empty()
                && self.to.capacity() == self.to.max_capacity()
                && self.flush().is_err()
            {
                return Ok(Err(Disconnected));
            }
        }
        if is_empty {
            return Ok(self.failed(SourceLocation::file(name), "the file is empty".to_owned()));
        }
        Ok(Ok(()))
    }

    fn line(&mut self, location: SourceLocation, line: &[u8]) -> Result<(), Disconnected> {
        let text = match std::str::from_utf8(line) {
            Ok(text) => text.trim_ascii(),
            Err(error) => {
                let (_, issue) = not_utf8(line, error.valid_up_to());
                return self.unreadable(location, line.to_vec(), issue);
            }
        };
        if !text.starts_with('[') {
            // If it is invalid, that is found when it is read as an event.
            return self.input(location, text);
        }
        match json::split(text) {
            Ok(elements) => elements.into_iter().try_for_each(|element| self.input(location.clone(), element)),
            Err(fault) => {
                let issue = not_json(&fault);
                self.unreadable(location, line.to_vec(), issue)
            }
        }
    }

    fn input(&mut self, location: SourceLocation, text: &str) -> Result<(), Disconnected> {
        self.batch_bytes += text.len();
        self.batch.push(Input { location, provider: self.providers.of(text), text: text.to_owned() });
        if self.batch.len() >= MAX_BATCH_INPUTS || self.batch_bytes >= MAX_BATCH_BYTES {
            return self.flush();
        }
        Ok(())
    }

    fn long_line(
        &mut self,
        location: SourceLocation,
        first: Vec<u8>,
        from: &mut dyn BufRead,
    ) -> Result<(), Disconnected> {
        let (send, parts) = mpsc::channel(PARTS_AHEAD);
        self.flush()?;
        self.send(FromReader::LongLine { location, provider: self.providers.fallback(), parts })?;
        let mut is_connected = send.blocking_send(Ok(first)).is_ok();
        let bar = self.bar.clone();
        bar.inc(MAX_INPUT_BYTES as u64);
        let read = rest_of_line(from, |part| {
            bar.inc(part.len() as u64);
            is_connected = is_connected && send.blocking_send(Ok(part)).is_ok();
            is_connected
        });
        if let Err(error) = read {
            is_connected = send.blocking_send(Err(error)).is_ok();
        }
        if is_connected { Ok(()) } else { Err(Disconnected) }
    }

    fn unreadable(
        &mut self,
        location: SourceLocation,
        bytes: Vec<u8>,
        issue: ValidationIssue,
    ) -> Result<(), Disconnected> {
        self.flush()?;
        self.bar.inc(bytes.len() as u64);
        self.send(FromReader::Unreadable { location, provider: self.providers.fallback(), bytes, issue })
    }

    fn failed(&mut self, location: SourceLocation, reason: String) -> Result<(), Disconnected> {
        self.flush()?;
        self.send(FromReader::Failed { location, reason })
    }

    fn flush(&mut self) -> Result<(), Disconnected> {
        let bytes = std::mem::take(&mut self.batch_bytes);
        let batch = std::mem::take(&mut self.batch);
        if batch.is_empty() {
            return Ok(());
        }
        self.send(FromReader::Batch(batch))?;
        self.bar.inc(bytes as u64);
        Ok(())
    }

    fn send(&self, message: FromReader) -> Result<(), Disconnected> {
        self.to.blocking_send(message).map_err(|_| Disconnected)
    }
}

fn not_json(fault: &JsonError) -> ValidationIssue {
    ValidationIssue::new("", format!("cannot be read as JSON: {fault}"))
}

/// The line of the first byte that is not UTF-8, and the issue.
fn not_utf8(bytes: &[u8], at: usize) -> (u64, ValidationIssue) {
    let before = &bytes[..at];
    let line = count_lines(before) + 1;
    let column = at - before.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1) + 1;
    let byte = bytes[at];
    (line, ValidationIssue::new("", format!("line {line}, column {column}: byte {at} (0x{byte:02X}) is not UTF-8")))
}

fn count_lines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}
