//! The reading thread: from sources to batches of inputs.
//!
//! Promises bounded memory whatever the sources are: one document or line, one batch, and what
//! waits in the channel. Nothing it reads is dropped: what is no input is handed on to be kept.

use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::sync::Arc;

use annals_domain::validation_issue::ValidationIssue;
use annals_json::{self as json, JsonFault};
use indicatif::ProgressBar;
use tokio::sync::mpsc;

use super::form::{Form, form_of};
use super::lines::{LONGEST_LINE, Line, next_line, rest_of_line};
use super::pieces::{Input, Piece, Stopped};
use super::place::Place;
use super::provider_choice::ProviderChoice;
use super::sources::Source;

/// A batch is one transaction: large enough to share its cost, small enough to be done with soon.
const BATCH_INPUTS: usize = 512;
const BATCH_BYTES: usize = 4 * 1024 * 1024;
/// How many parts of a long line wait for their taker.
const PARTS_WAITING: usize = 4;
/// How much is read from a source at once.
const READ_AHEAD: usize = 64 * 1024;

/// What reads.
pub(super) struct Reading {
    to: mpsc::Sender<Piece>,
    providers: ProviderChoice,
    bar: ProgressBar,
    batch: Vec<Input>,
    batch_bytes: usize,
}

impl Reading {
    /// Reading into that channel.
    pub(super) fn new(to: mpsc::Sender<Piece>, providers: ProviderChoice, bar: ProgressBar) -> Self {
        Self { to, providers, bar, batch: Vec::new(), batch_bytes: 0 }
    }

    /// Reads all sources, until nobody takes pieces any more.
    pub(super) fn run(mut self, sources: Vec<Source>) {
        for source in sources {
            let name = Arc::clone(&source.name);
            let done = match self.read(source) {
                Ok(done) => done,
                Err(error) => self.failed(Place::file(&name), format!("cannot be read: {error}")),
            };
            if done.is_err() {
                return;
            }
        }
        let _ = self.flush();
    }

    fn read(&mut self, source: Source) -> io::Result<Result<(), Stopped>> {
        let (name, is_lines) = (Arc::clone(&source.name), source.is_lines_by_name());
        // A file gives what it has; anything else may keep the reader waiting.
        let may_wait = source.size().is_none();
        let mut from = BufReader::with_capacity(READ_AHEAD, source.open()?);
        match form_of(&mut from, is_lines)? {
            Form::Document(bytes) => Ok(self.document(&name, bytes)),
            Form::Lines(head) => {
                let from = BufReader::with_capacity(READ_AHEAD, Cursor::new(head).chain(from));
                self.lines(&name, from, may_wait)
            }
        }
    }

    fn document(&mut self, name: &Arc<str>, bytes: Vec<u8>) -> Result<(), Stopped> {
        if bytes.trim_ascii().is_empty() {
            return self.failed(Place::file(name), "there is nothing in it".to_owned());
        }
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let (line, issue) = not_utf8(error.as_bytes(), error.utf8_error().valid_up_to());
                return self.refused(Place::from_line(name, line), error.into_bytes(), issue);
            }
        };
        let elements = match json::split(&text) {
            Ok(elements) => elements,
            Err(fault) => {
                let place = Place::from_line(name, fault.line as u64);
                let issue = not_json(&fault);
                return self.refused(place, text.into_bytes(), issue);
            }
        };
        let (mut line, mut counted) = (1, 0);
        for element in elements {
            let start = element.as_ptr().addr() - text.as_ptr().addr();
            line += line_ends(&text.as_bytes()[counted..start]);
            counted = start;
            self.input(Place::from_line(name, line), element)?;
        }
        Ok(())
    }

    fn lines<R: Read>(
        &mut self,
        name: &Arc<str>,
        mut from: BufReader<R>,
        may_wait: bool,
    ) -> io::Result<Result<(), Stopped>> {
        let (mut line, mut is_empty) = (Vec::new(), true);
        for number in 1.. {
            let place = Place::line(name, number);
            let done = match next_line(&mut from, &mut line)? {
                None => break,
                Some(Line::TooLong) => self.long_line(place, std::mem::take(&mut line), &mut from),
                Some(Line::Whole) if line.trim_ascii().is_empty() => continue,
                Some(Line::Whole) => self.line(place, &line),
            };
            is_empty = false;
            if done.is_err() {
                return Ok(done);
            }
            // What came must not wait for what may be long in coming, unless others wait before it.
            if may_wait
                && from.buffer().is_empty()
                && self.to.capacity() == self.to.max_capacity()
                && self.flush().is_err()
            {
                return Ok(Err(Stopped));
            }
        }
        if is_empty {
            return Ok(self.failed(Place::file(name), "there is nothing in it".to_owned()));
        }
        Ok(Ok(()))
    }

    fn line(&mut self, place: Place, line: &[u8]) -> Result<(), Stopped> {
        let text = match std::str::from_utf8(line) {
            Ok(text) => text.trim_ascii(),
            Err(error) => {
                let (_, issue) = not_utf8(line, error.valid_up_to());
                return self.refused(place, line.to_vec(), issue);
            }
        };
        if !text.starts_with('[') {
            // What is wrong with it, if anything, is found when it is read as an event.
            return self.input(place, text);
        }
        match json::split(text) {
            Ok(elements) => elements.into_iter().try_for_each(|element| self.input(place.clone(), element)),
            Err(fault) => {
                let issue = not_json(&fault);
                self.refused(place, line.to_vec(), issue)
            }
        }
    }

    fn input(&mut self, place: Place, text: &str) -> Result<(), Stopped> {
        self.batch_bytes += text.len();
        self.batch.push(Input { place, provider: self.providers.of(text), text: text.to_owned() });
        if self.batch.len() >= BATCH_INPUTS || self.batch_bytes >= BATCH_BYTES {
            return self.flush();
        }
        Ok(())
    }

    fn long_line(&mut self, place: Place, first: Vec<u8>, from: &mut dyn BufRead) -> Result<(), Stopped> {
        let (send, parts) = mpsc::channel(PARTS_WAITING);
        self.flush()?;
        self.send(Piece::LongLine { place, provider: self.providers.of_none(), parts })?;
        let mut is_taken = send.blocking_send(Ok(first)).is_ok();
        let bar = self.bar.clone();
        bar.inc(LONGEST_LINE as u64);
        let read = rest_of_line(from, |part| {
            bar.inc(part.len() as u64);
            is_taken = is_taken && send.blocking_send(Ok(part)).is_ok();
            is_taken
        });
        if let Err(error) = read {
            is_taken = send.blocking_send(Err(error)).is_ok();
        }
        if is_taken { Ok(()) } else { Err(Stopped) }
    }

    fn refused(&mut self, place: Place, bytes: Vec<u8>, issue: ValidationIssue) -> Result<(), Stopped> {
        self.flush()?;
        self.bar.inc(bytes.len() as u64);
        self.send(Piece::Refused { place, provider: self.providers.of_none(), bytes, issue })
    }

    fn failed(&mut self, place: Place, reason: String) -> Result<(), Stopped> {
        self.flush()?;
        self.send(Piece::Failed { place, reason })
    }

    fn flush(&mut self) -> Result<(), Stopped> {
        let bytes = std::mem::take(&mut self.batch_bytes);
        let batch = std::mem::take(&mut self.batch);
        if batch.is_empty() {
            return Ok(());
        }
        self.send(Piece::Batch(batch))?;
        self.bar.inc(bytes as u64);
        Ok(())
    }

    fn send(&self, piece: Piece) -> Result<(), Stopped> {
        self.to.blocking_send(piece).map_err(|_| Stopped)
    }
}

fn not_json(fault: &JsonFault) -> ValidationIssue {
    ValidationIssue::new("", format!("cannot be read as JSON: {fault}"))
}

/// The line of the first byte that is no UTF-8, and the issue.
fn not_utf8(bytes: &[u8], at: usize) -> (u64, ValidationIssue) {
    let before = &bytes[..at];
    let line = line_ends(before) + 1;
    let column = at - before.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1) + 1;
    let byte = bytes[at];
    (line, ValidationIssue::new("", format!("line {line}, column {column}: byte {at} (0x{byte:02X}) is not UTF-8")))
}

fn line_ends(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}
