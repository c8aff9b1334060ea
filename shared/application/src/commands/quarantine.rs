//! Quarantine: inputs that cannot be stored as events, kept until somebody decides on them.
//!
//! An input is kept byte by byte, whatever its length, in bounded memory. The same input is one entry,
//! however often it arrives. Nothing is processed again by itself.

use std::sync::Arc;

use annals_domain::identity::Provider;
use annals_domain::validation_issue::ValidationIssue;
use sha2::{Digest, Sha256};
use tokio::time::Instant;
use uuid::Uuid;

use super::deadline::in_time;
use super::error::CommandError;
use crate::ports::{
    Clock, Ids, PortError, PortErrorKind, QuarantineEntry, QuarantinePlace, QuarantineState, QuarantineStore,
};

/// The size of a chunk in bytes: a DynamoDB item may have 400 KB, keys included.
pub const CHUNK_BYTES: usize = 350_000;

/// The age of chunks without an entry at which no writer is about to add it any more, in milliseconds.
const ORPHAN_AGE_MS: i64 = 24 * 60 * 60 * 1_000;

#[derive(Clone)]
pub struct Quarantine {
    store: Arc<dyn QuarantineStore>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
}

/// Why an operation on a quarantine entry failed.
#[derive(Debug, thiserror::Error)]
pub enum QuarantineError {
    /// No entry has this id.
    #[error("no quarantined input `{0}`")]
    NotFound(String),
    #[error("the quarantine cannot be reached")]
    Port(#[from] PortError),
    /// Processing it again failed; the entry did not change.
    #[error("the input could not be processed again")]
    Command(#[source] CommandError),
}

/// An input that is being put into quarantine, chunk by chunk.
pub struct QuarantineWriter<'a> {
    quarantine: &'a Quarantine,
    provider: Provider,
    body_id: Uuid,
    pending: Vec<u8>,
    chunks: u32,
    size: u64,
    hash: Sha256,
}

impl Quarantine {
    pub fn new(store: Arc<dyn QuarantineStore>, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Self {
        Self { store, clock, ids }
    }

    pub(super) fn store_name(&self) -> &str {
        self.store.name()
    }

    /// Puts a whole input into quarantine.
    pub async fn keep(
        &self,
        provider: Provider,
        body: &[u8],
        errors: Vec<ValidationIssue>,
    ) -> Result<QuarantineEntry, PortError> {
        let mut keeping = self.begin(provider);
        keeping.push(body).await?;
        keeping.finish(errors).await
    }

    /// The same, with an error once the deadline has passed.
    pub async fn keep_by(
        &self,
        deadline: Instant,
        provider: Provider,
        body: &[u8],
        errors: Vec<ValidationIssue>,
    ) -> Result<QuarantineEntry, PortError> {
        let keeping = self.keep(provider, body, errors);
        in_time(deadline, PortErrorKind::OutcomeUnknown, self.store.name(), keeping).await
    }

    /// Starts to put an input into quarantine that arrives in parts.
    pub fn begin(&self, provider: Provider) -> QuarantineWriter<'_> {
        let mut hash = Sha256::new();
        hash.update(provider.as_str().as_bytes());
        hash.update([0]);
        let body_id = self.ids.fresh();
        QuarantineWriter { quarantine: self, provider, body_id, pending: Vec::new(), chunks: 0, size: 0, hash }
    }

    pub async fn get(&self, id: &str) -> Result<QuarantineEntry, QuarantineError> {
        self.store.get(id).await?.ok_or_else(|| QuarantineError::NotFound(id.to_owned()))
    }

    /// Entries in this state, or in any, after a place in the list, which has the newest first.
    pub async fn list(
        &self,
        state: Option<QuarantineState>,
        after: Option<&QuarantinePlace>,
        limit: usize,
    ) -> Result<Vec<QuarantineEntry>, PortError> {
        self.store.list(state, after, limit).await
    }

    /// The number of entries in this state, or of all, counted up to `at_most`.
    pub async fn count(&self, state: Option<QuarantineState>, at_most: usize) -> Result<usize, PortError> {
        self.store.count(state, at_most).await
    }

    /// Deletes what interrupted writers have left: parts of inputs without an entry, older than a day.
    pub async fn remove_orphans(&self) -> Result<usize, PortError> {
        self.store.remove_orphans(self.clock.now().plus_millis(-ORPHAN_AGE_MS)).await
    }

    /// The first `most` bytes of an entry's input.
    pub async fn body(&self, entry: &QuarantineEntry, most: usize) -> Result<Vec<u8>, PortError> {
        let mut body = Vec::new();
        for number in 0..entry.chunks {
            if body.len() >= most {
                break;
            }
            let chunk = self.store.chunk(entry.body_id, number).await?;
            body.extend(chunk.ok_or_else(|| self.damaged(entry, format!("chunk {number} is not there")))?);
        }
        body.truncate(most);
        Ok(body)
    }

    pub(super) async fn whole_body(&self, entry: &QuarantineEntry) -> Result<Vec<u8>, PortError> {
        let body = self.body(entry, usize::MAX).await?;
        if body.len() as u64 == entry.size {
            return Ok(body);
        }
        Err(self.damaged(entry, format!("{} of its {} bytes are there", body.len(), entry.size)))
    }

    fn damaged(&self, entry: &QuarantineEntry, what: String) -> PortError {
        let message = format!("the quarantined input `{}` is damaged: {what}", entry.id);
        PortError::new(PortErrorKind::Corrupt, self.store.name(), message)
    }

    /// Marks an entry as dismissed. Its input stays until it expires.
    pub async fn dismiss(&self, id: &str) -> Result<(), QuarantineError> {
        self.get(id).await?;
        Ok(self.store.set_state(id, QuarantineState::Dismissed, None).await?)
    }

    /// Marks an entry that was processed again: as redriven, or as still open with its new errors.
    pub(crate) async fn settle(&self, id: &str, still: Option<Vec<ValidationIssue>>) -> Result<(), PortError> {
        let state = if still.is_some() { QuarantineState::Open } else { QuarantineState::Redriven };
        self.store.set_state(id, state, still).await
    }
}

impl QuarantineWriter<'_> {
    /// Adds the next part of the input.
    pub async fn push(&mut self, mut bytes: &[u8]) -> Result<(), PortError> {
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
        while self.pending.len() + bytes.len() >= CHUNK_BYTES {
            let (fits, rest) = bytes.split_at(CHUNK_BYTES - self.pending.len());
            self.pending.extend_from_slice(fits);
            self.flush().await?;
            bytes = rest;
        }
        self.pending.extend_from_slice(bytes);
        Ok(())
    }

    /// Stores the entry, with the reasons why its input was refused.
    pub async fn finish(mut self, errors: Vec<ValidationIssue>) -> Result<QuarantineEntry, PortError> {
        if !self.pending.is_empty() {
            self.flush().await?;
        }
        let digest = std::mem::take(&mut self.hash).finalize();
        let entry = QuarantineEntry {
            id: base16ct::lower::encode_string(&digest),
            provider: self.provider,
            received_at: self.quarantine.clock.now(),
            errors,
            size: self.size,
            state: QuarantineState::Open,
            body_id: self.body_id,
            chunks: self.chunks,
        };
        let kept = self.quarantine.store.add(entry).await?;
        if kept.body_id != self.body_id {
            self.quarantine.store.delete_chunks(self.body_id).await?;
        }
        Ok(kept)
    }

    /// Deletes the parts that were added.
    pub async fn abandon(self) -> Result<(), PortError> {
        self.quarantine.store.delete_chunks(self.body_id).await
    }

    async fn flush(&mut self) -> Result<(), PortError> {
        let chunk = std::mem::take(&mut self.pending);
        let now = self.quarantine.clock.now();
        self.quarantine.store.put_chunk(self.body_id, self.chunks, now, chunk).await?;
        self.chunks += 1;
        Ok(())
    }
}
