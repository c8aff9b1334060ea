//! Taking in what the reading thread hands over.
//!
//! Promises that a batch is whole or not begun when the run ends, whatever ends it, and that what
//! fails for a moment is tried again before it ends the run.

use std::io;
use std::time::Duration;

use annals_application::commands::{CommandError, CommandMetadata, EventRead, Outcome};
use annals_application::ports::{PortError, QuarantineEntry};
use annals_domain::identity::Provider;
use annals_domain::validation_issue::ValidationIssue;
use tokio::sync::mpsc;

use super::lines::LONGEST_LINE;
use super::pieces::{Input, Piece};
use super::place::Place;
use super::report::Report;
use super::tally::{Ending, Tally};
use crate::exit::Failure;
use crate::interrupt::Interrupt;
use crate::opening::Opened;

/// The waits before a call that failed for a moment is made again.
const WAITS_MS: [u64; 4] = [250, 500, 1_000, 2_000];

/// What takes in.
pub(super) struct Taking<'a> {
    pub(super) opened: &'a Opened,
    pub(super) interrupt: Interrupt,
    pub(super) report: &'a mut Report,
    pub(super) tally: Tally,
}

/// Why a piece could not be taken: the run ends there.
struct Broken {
    place: Place,
    failure: Failure,
}

impl Taking<'_> {
    /// Takes pieces until there are no more, someone asks to stop, or the store fails for good.
    pub(super) async fn run(mut self, mut pieces: mpsc::Receiver<Piece>) -> Tally {
        loop {
            let piece = tokio::select! {
                biased;
                () = self.interrupt.asked() => {
                    self.tally.end(Ending::Interrupted);
                    break;
                }
                piece = pieces.recv() => piece,
            };
            let Some(piece) = piece else { break };
            let taken = self.take(piece).await;
            self.report.flush();
            if let Err(Broken { place, failure }) = taken {
                let was_asked = self.interrupt.is_asked();
                self.tally.end(if was_asked { Ending::Interrupted } else { Ending::Stopped(place, failure) });
                break;
            }
        }
        self.tally
    }

    async fn take(&mut self, piece: Piece) -> Result<(), Broken> {
        match piece {
            Piece::Batch(inputs) => self.batch(&inputs).await,
            Piece::Refused { place, provider, bytes, issue } => {
                let kept = self.keep(provider, &bytes, &issue).await;
                self.refused(place, kept)
            }
            Piece::LongLine { place, provider, parts } => {
                // One that is broken off is not kept: the next run meets it again.
                match self.long_line(provider, parts).await.transpose() {
                    Some(kept) => self.refused(place, kept),
                    None => Ok(()),
                }
            }
            Piece::Failed { place, reason } => {
                self.tally.count_failed();
                self.report.failed(&place, &reason);
                Ok(())
            }
        }
    }

    async fn batch(&mut self, inputs: &[Input]) -> Result<(), Broken> {
        // Usually all are one provider's, and the batch is one call.
        for run in inputs.chunk_by(|one, next| one.provider == next.provider) {
            let answers = self
                .handle(run)
                .await
                .map_err(|error| Broken { place: run[0].place.clone(), failure: error.into() })?;
            for (input, reads) in run.iter().zip(answers) {
                for read in reads {
                    self.tally.count(read.outcome);
                    self.report.read(&input.place, &read);
                }
            }
        }
        Ok(())
    }

    async fn handle(&mut self, inputs: &[Input]) -> Result<Vec<Vec<EventRead>>, CommandError> {
        let texts: Vec<&str> = inputs.iter().map(|input| input.text.as_str()).collect();
        let handler = &self.opened.handler;
        let commands = handler.commands_of(inputs[0].provider, &texts, &CommandMetadata::default());
        for wait in WAITS_MS {
            match handler.handle(commands.clone()).await {
                Err(error) if error.is_retryable() && pause(&mut self.interrupt, wait).await => {}
                answer => return answer,
            }
        }
        handler.handle(commands).await
    }

    async fn keep(
        &mut self,
        provider: Provider,
        bytes: &[u8],
        issue: &ValidationIssue,
    ) -> Result<QuarantineEntry, PortError> {
        let quarantine = self.opened.handler.quarantine();
        for wait in WAITS_MS {
            match quarantine.keep(provider, bytes, vec![issue.clone()]).await {
                Err(error) if error.is_retryable() && pause(&mut self.interrupt, wait).await => {}
                answer => return answer,
            }
        }
        quarantine.keep(provider, bytes, vec![issue.clone()]).await
    }

    /// Keeps a line that is too long to be held; `None` where someone asked to stop meanwhile.
    async fn long_line(
        &mut self,
        provider: Provider,
        mut parts: mpsc::Receiver<io::Result<Vec<u8>>>,
    ) -> Result<Option<QuarantineEntry>, PortError> {
        let mut keeping = self.opened.handler.quarantine().begin(provider);
        let (mut size, mut cut) = (0_u64, None);
        loop {
            let part = tokio::select! {
                biased;
                () = self.interrupt.asked() => {
                    keeping.abandon().await?;
                    return Ok(None);
                }
                part = parts.recv() => part,
            };
            let Some(part) = part else { break };
            match part {
                Ok(bytes) => {
                    size += bytes.len() as u64;
                    keeping.push(&bytes).await?;
                }
                Err(error) => cut = Some(error),
            }
        }
        let message = match cut {
            None => format!("the line has {size} bytes; {LONGEST_LINE} at most are read as events"),
            Some(error) => format!("the line cannot be read past its first {size} bytes: {error}"),
        };
        keeping.finish(vec![ValidationIssue::new("", message)]).await.map(Some)
    }

    fn refused(&mut self, place: Place, kept: Result<QuarantineEntry, PortError>) -> Result<(), Broken> {
        match kept {
            Ok(entry) => {
                self.tally.count(Outcome::Quarantined);
                self.report.refused(&place, &entry);
                Ok(())
            }
            Err(error) => Err(Broken { place, failure: error.into() }),
        }
    }
}

/// Waits; whether there is reason to go on then.
async fn pause(interrupt: &mut Interrupt, millis: u64) -> bool {
    tokio::select! {
        () = interrupt.asked() => false,
        () = tokio::time::sleep(Duration::from_millis(millis)) => true,
    }
}
