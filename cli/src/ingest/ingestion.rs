//! Stores what the reader hands over, and quarantines what is no input.
//!
//! However a run ends, each batch is stored as a whole or not at all. Temporary failures are retried before they end
//! the run.

use std::io;
use std::time::Duration;

use annals_application::backoff::Backoff;
use annals_application::commands::{CommandError, CommandMetadata, EventRead, Outcome};
use annals_application::ports::{PortError, QuarantineEntry};
use annals_domain::identity::Provider;
use annals_domain::validation_issue::ValidationIssue;
use tokio::sync::mpsc;

use super::input::{FromReader, Input, SourceLocation};
use super::lines::MAX_INPUT_BYTES;
use super::report::Report;
use super::summary::{Ending, Summary};
use crate::command_side::CommandSide;
use crate::exit::Failure;
use crate::interrupt::Interrupt;

/// A call that fails temporarily is made again so often, after these waits. One process ingests, so that no jitter is
/// needed.
const RETRIES: u32 = 4;
const BACKOFF: Backoff = Backoff::doubling(Duration::from_millis(250), Duration::from_secs(2));

pub(super) struct Ingestion<'a> {
    commands: &'a CommandSide,
    interrupt: Interrupt,
    report: &'a mut Report,
    summary: Summary,
}

/// The store failed for good at this location: the run ends there.
struct StoreFailure {
    location: SourceLocation,
    failure: Failure,
}

impl StoreFailure {
    fn at<E: Into<Failure>>(location: &SourceLocation) -> impl FnOnce(E) -> Self {
        |error| Self { location: location.clone(), failure: error.into() }
    }
}

impl<'a> Ingestion<'a> {
    pub(super) fn new(commands: &'a CommandSide, interrupt: Interrupt, report: &'a mut Report) -> Self {
        Self { commands, interrupt, report, summary: Summary::default() }
    }

    /// Runs until the reader has no more, a stop is requested, or the store fails for good.
    pub(super) async fn run(mut self, mut from_reader: mpsc::Receiver<FromReader>) -> Summary {
        loop {
            let message = tokio::select! {
                biased;
                () = self.interrupt.requested() => {
                    self.summary.end(Ending::Interrupted);
                    break;
                }
                message = from_reader.recv() => message,
            };
            let Some(message) = message else { break };
            let result = self.handle(message).await;
            self.report.flush();
            if let Err(StoreFailure { location, failure }) = result {
                let is_interrupted = self.interrupt.is_requested();
                self.summary.end(if is_interrupted { Ending::Interrupted } else { Ending::Stopped(location, failure) });
                break;
            }
        }
        self.summary
    }

    async fn handle(&mut self, message: FromReader) -> Result<(), StoreFailure> {
        match message {
            FromReader::Batch(inputs) => self.batch(&inputs).await,
            FromReader::Unreadable { location, provider, bytes, issue } => {
                let entry = self.quarantine(provider, &bytes, &issue).await.map_err(StoreFailure::at(&location))?;
                self.quarantined(&location, &entry);
                Ok(())
            }
            FromReader::LongLine { location, provider, parts } => {
                let entry = self.long_line(provider, parts).await.map_err(StoreFailure::at(&location))?;
                // Not quarantined if a stop was requested: the next run reads it again.
                if let Some(entry) = entry {
                    self.quarantined(&location, &entry);
                }
                Ok(())
            }
            FromReader::Failed { location, reason } => {
                self.summary.count_failed();
                self.report.failed(&location, &reason);
                Ok(())
            }
        }
    }

    async fn batch(&mut self, inputs: &[Input]) -> Result<(), StoreFailure> {
        // Usually all are of one provider, and the batch is one call.
        for of_provider in inputs.chunk_by(|one, next| one.provider == next.provider) {
            let results = self.store(of_provider).await.map_err(StoreFailure::at(&of_provider[0].location))?;
            for (input, reads) in of_provider.iter().zip(results) {
                for read in reads {
                    self.summary.count(read.outcome);
                    self.report.read(&input.location, &read);
                }
            }
        }
        Ok(())
    }

    async fn store(&mut self, inputs: &[Input]) -> Result<Vec<Vec<EventRead>>, CommandError> {
        let texts: Vec<&str> = inputs.iter().map(|input| input.text.as_str()).collect();
        let handler = &self.commands.handler;
        let commands = handler.commands_of(inputs[0].provider, &texts, &CommandMetadata::default());
        retry(&mut self.interrupt, CommandError::is_retryable, async || handler.handle(commands.clone()).await).await
    }

    async fn quarantine(
        &mut self,
        provider: Provider,
        bytes: &[u8],
        issue: &ValidationIssue,
    ) -> Result<QuarantineEntry, PortError> {
        let quarantine = self.commands.handler.quarantine();
        let keep = async || quarantine.keep(provider, bytes, vec![issue.clone()]).await;
        retry(&mut self.interrupt, PortError::is_retryable, keep).await
    }

    /// Quarantines a line that is too long to hold in memory; `None` if a stop was requested meanwhile.
    async fn long_line(
        &mut self,
        provider: Provider,
        mut parts: mpsc::Receiver<io::Result<Vec<u8>>>,
    ) -> Result<Option<QuarantineEntry>, PortError> {
        let mut entry = self.commands.handler.quarantine().begin(provider);
        let (mut size, mut read_error) = (0_u64, None);
        loop {
            let part = tokio::select! {
                biased;
                () = self.interrupt.requested() => {
                    entry.abandon().await?;
                    return Ok(None);
                }
                part = parts.recv() => part,
            };
            match part {
                None => break,
                Some(Ok(bytes)) => {
                    size += bytes.len() as u64;
                    entry.push(&bytes).await?;
                }
                Some(Err(error)) => read_error = Some(error),
            }
        }
        let message = match read_error {
            None => format!("the line has {size} bytes; the limit is {MAX_INPUT_BYTES}"),
            Some(error) => format!("the line cannot be read after its first {size} bytes: {error}"),
        };
        entry.finish(vec![ValidationIssue::new("", message)]).await.map(Some)
    }

    fn quarantined(&mut self, location: &SourceLocation, entry: &QuarantineEntry) {
        self.summary.count(Outcome::Quarantined);
        self.report.quarantined(location, entry);
    }
}

/// Makes a call again after a temporary failure, unless a stop is requested meanwhile.
async fn retry<T, E>(
    interrupt: &mut Interrupt,
    is_retryable: impl Fn(&E) -> bool,
    call: impl AsyncFn() -> Result<T, E>,
) -> Result<T, E> {
    for attempt in 1..=RETRIES {
        match call().await {
            Err(error) if is_retryable(&error) => tokio::select! {
                () = interrupt.requested() => return Err(error),
                () = tokio::time::sleep(BACKOFF.wait(attempt)) => {}
            },
            result => return result,
        }
    }
    call().await
}
