//! The command handler: from commands to stored events.
//!
//! Promises the module's promise (`crate::commands`) for any number of commands a call; those of
//! one record are stored in the order of the call. Projects nothing: a listener is told.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use annals_domain::change::Change;
use annals_domain::definition::Catalog;
use annals_domain::identity::{EntityKey, Provider};
use annals_domain::position::EventId;
use annals_domain::provider_adapter::{ProviderAdapter, ProviderAdapters};
use annals_domain::stream_head::StreamHead;
use annals_domain::validation_issue::ValidationIssue;
use annals_json as json;
use async_trait::async_trait;
use lru::LruCache;

use super::append::Rounds;
use super::deadline::{Deadline, in_time};
use super::{Action, Command, CommandMetadata, EventRead, Outcome, Quarantine};
use crate::backfill::Backfill;
use crate::ports::{Clock, EventStore, Ids, PortError, PortErrorKind, StatePorts, StoredEvent};

/// The largest quarantined input that is run again, in bytes: it is held in memory whole.
const MOST_REDRIVEN: u64 = 16 * 1024 * 1024;

/// The most inputs that one body may hold. A body of the largest size has some 2,000 changes.
const MOST_INPUTS: usize = 10_000;

/// How a handler works.
#[derive(Debug, Clone, Copy)]
pub struct HandlerSettings {
    /// How long a call may go on trying, and wait for a store, before it fails as retryable.
    pub deadline: Duration,
    /// How many streams' heads are kept warm. A head takes about 200 bytes.
    pub warm_heads: NonZeroUsize,
    /// How many changes just stored are kept for a projection in the same process.
    pub recent_changes: NonZeroUsize,
}

impl Default for HandlerSettings {
    fn default() -> Self {
        let at_least_one = |n| NonZeroUsize::new(n).unwrap_or(NonZeroUsize::MIN);
        Self {
            deadline: Duration::from_secs(10),
            warm_heads: at_least_one(10_000),
            recent_changes: at_least_one(4_096),
        }
    }
}

/// Is told when events were appended.
#[async_trait]
pub trait AppendListener: Send + Sync {
    /// Events were appended. What goes wrong here is no failure of the command.
    async fn appended(&self);
}

/// Is told what became of each change, whoever handed it in.
pub trait OutcomeObserver: Send + Sync {
    /// This became of a change.
    fn observed(&self, read: &EventRead);
}

/// Why a call failed as a whole.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// This installation does not take that provider's events.
    #[error("no {0} events are taken here")]
    UnknownProvider(Provider),
    /// Other writers of the same stream were faster until the deadline.
    #[error("too many concurrent writers on this stream")]
    Contended,
    /// A store failed.
    #[error("the change could not be stored")]
    Port(#[from] PortError),
}

impl CommandError {
    /// Whether the same call may succeed later without anyone's help.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::UnknownProvider(_) => false,
            Self::Contended => true,
            Self::Port(error) => error.is_retryable(),
        }
    }
}

/// Why a body could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum TakeError {
    /// It is no JSON.
    #[error("the body is not JSON")]
    NotJson(#[source] json::JsonError),
    /// It holds more inputs than one body may.
    #[error("the body holds {0} inputs; {MOST_INPUTS} at most are taken at once")]
    TooMany(usize),
    /// The call failed.
    #[error(transparent)]
    Command(#[from] CommandError),
}

/// What became of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// One answer a record changed, in the order of the body.
    pub results: Vec<EventRead>,
    /// Whether any form of the provider was recognised in the body.
    pub is_recognised: bool,
}

/// Changes just stored, by event: a projection in the same process need not read them again.
pub type RecentChanges = Mutex<LruCache<EventId, Arc<Change>>>;

/// The command handler.
pub struct CommandHandler {
    pub(super) store: Arc<dyn EventStore>,
    pub(super) state: StatePorts,
    pub(super) catalog: Arc<Catalog>,
    pub(super) adapters: ProviderAdapters,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ids: Arc<dyn Ids>,
    pub(super) settings: HandlerSettings,
    pub(super) quarantine: Quarantine,
    warm: Mutex<LruCache<EntityKey, StreamHead>>,
    recent: Arc<RecentChanges>,
    listener: Option<Arc<dyn AppendListener>>,
    observer: Option<Arc<dyn OutcomeObserver>>,
}

impl CommandHandler {
    /// A handler over these ports.
    pub fn new(
        store: Arc<dyn EventStore>,
        state: StatePorts,
        catalog: Arc<Catalog>,
        adapters: ProviderAdapters,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
        settings: HandlerSettings,
    ) -> Self {
        let quarantine = Quarantine::new(Arc::clone(&state.quarantine), Arc::clone(&clock), Arc::clone(&ids));
        let warm = Mutex::new(LruCache::new(settings.warm_heads));
        let recent = Arc::new(Mutex::new(LruCache::new(settings.recent_changes)));
        let (listener, observer) = (None, None);
        Self { store, state, catalog, adapters, clock, ids, settings, quarantine, warm, recent, listener, observer }
    }

    /// With a listener that is told of appended events.
    #[must_use]
    pub fn told(mut self, listener: Arc<dyn AppendListener>) -> Self {
        self.listener = Some(listener);
        self
    }

    /// With an observer of what became of each change.
    #[must_use]
    pub fn observed_by(mut self, observer: Arc<dyn OutcomeObserver>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// The changes that were just stored.
    pub fn recent(&self) -> Arc<RecentChanges> {
        Arc::clone(&self.recent)
    }

    /// The providers whose events are taken.
    pub fn providers(&self) -> impl Iterator<Item = Provider> + '_ {
        self.adapters.iter().map(|adapter| adapter.provider())
    }

    /// The quarantine that refused inputs go to.
    pub fn quarantine(&self) -> &Quarantine {
        &self.quarantine
    }

    /// The backfill jobs, those that changes ask for among them.
    pub fn backfill(&self) -> Backfill {
        let (jobs, objects) = (Arc::clone(&self.state.jobs), Arc::clone(&self.state.objects));
        Backfill::new(jobs, objects, Arc::clone(&self.catalog), self.adapters.clone(), Arc::clone(&self.clock))
    }

    /// Takes one body: a change in any of the provider's forms, or an array of them.
    pub async fn take_body(
        &self,
        provider: Provider,
        body: &str,
        metadata: CommandMetadata,
    ) -> Result<Taken, TakeError> {
        let inputs = json::split(body).map_err(TakeError::NotJson)?;
        if inputs.len() > MOST_INPUTS {
            return Err(TakeError::TooMany(inputs.len()));
        }
        let results = self.handle(self.commands_of(provider, &inputs, &metadata)).await?;
        let is_unrecognised = |reads: &Vec<EventRead>| reads.iter().any(|read| read.is_unrecognised());
        let is_recognised = results.is_empty() || !results.iter().all(is_unrecognised);
        Ok(Taken { results: results.into_iter().flatten().collect(), is_recognised })
    }

    /// A command's id.
    pub fn fresh_id(&self) -> uuid::Uuid {
        self.ids.fresh()
    }

    /// One command an input.
    pub fn commands_of(&self, provider: Provider, inputs: &[&str], metadata: &CommandMetadata) -> Vec<Command> {
        let command = |input: &&str| Command {
            id: self.ids.fresh(),
            action: Action::ProcessCrmEvent { provider, raw_event: Arc::from(*input) },
            metadata: metadata.clone(),
        };
        inputs.iter().map(command).collect()
    }

    /// Carries out commands; one list of answers each, in their order.
    pub async fn handle(&self, commands: Vec<Command>) -> Result<Vec<Vec<EventRead>>, CommandError> {
        let mut answers: Vec<Vec<Option<EventRead>>> = Vec::with_capacity(commands.len());
        let mut pending = Vec::new();
        let deadline = Deadline::of(&commands, self.settings.deadline);
        for (index, command) in commands.iter().enumerate() {
            let taken_in = self.take_in(index, command, &mut pending);
            answers.push(self.kept_by(deadline, taken_in).await?);
        }
        let has_pending = !pending.is_empty();
        for (change, settled) in Rounds::new(self, &commands, deadline.starting_now()).run(pending).await? {
            let read = self.answer(&commands[change.command], &change, settled);
            answers[change.command][change.slot] = Some(self.kept_by(deadline, read).await?);
        }
        if let Some(listener) = self.listener.as_ref().filter(|_| has_pending) {
            listener.appended().await;
        }
        if let Some(observer) = &self.observer {
            answers.iter().flatten().flatten().for_each(|read| observer.observed(read));
        }
        Ok(answers.into_iter().map(|slots| slots.into_iter().flatten().collect()).collect())
    }

    /// What comes of work that keeps what it finds in the state store, until the deadline.
    async fn kept_by<T>(
        &self,
        deadline: Deadline,
        work: impl Future<Output = Result<T, CommandError>>,
    ) -> Result<T, CommandError> {
        in_time(deadline.starting_now(), PortErrorKind::OutcomeUnknown, self.state.quarantine.name(), work).await
    }

    /// Runs a quarantined input again. It is answered as if it came now; where nothing of it is
    /// refused any more it is marked as redriven.
    pub async fn redrive(&self, id: &str) -> Result<Vec<EventRead>, super::QuarantineError> {
        let entry = self.quarantine.get(id).await?;
        let fault = |message: String| vec![ValidationIssue::new("", message)];
        let body = if entry.size <= MOST_REDRIVEN {
            self.quarantine.whole_body(&entry).await.map(Ok)?
        } else {
            Err(fault(format!("the input has {} bytes; {MOST_REDRIVEN} at most are run again", entry.size)))
        };
        let text = body.and_then(|body| String::from_utf8(body).map_err(|error| fault(error.to_string())));
        let inputs = text.and_then(|text| {
            json::split(&text)
                .map(|inputs| self.commands_of(entry.provider, &inputs, &CommandMetadata::default()))
                .map_err(|fault| vec![ValidationIssue::new("", fault.to_string())])
        });
        let reads = match inputs {
            Ok(commands) => {
                let answers = self.handle(commands).await.map_err(super::QuarantineError::Command)?;
                answers.into_iter().flatten().collect()
            }
            Err(errors) => {
                let mut read = EventRead::of_input(entry.provider, Outcome::Quarantined, self.clock.now());
                (read.errors, read.quarantine_id) = (errors, Some(entry.id.clone()));
                vec![read]
            }
        };
        let errors: Vec<ValidationIssue> = reads.iter().flat_map(|read: &EventRead| read.errors.clone()).collect();
        self.quarantine.settle(id, Some(errors).filter(|errors| !errors.is_empty())).await?;
        Ok(reads)
    }

    pub(super) fn adapter(&self, provider: Provider) -> Result<&dyn ProviderAdapter, CommandError> {
        self.adapters.get(provider).map(|adapter| &**adapter).ok_or(CommandError::UnknownProvider(provider))
    }

    pub(super) fn warm_head(&self, key: &EntityKey) -> Option<StreamHead> {
        lock(&self.warm).get(key).cloned()
    }

    pub(super) fn keep_warm(&self, key: &EntityKey, head: Option<&StreamHead>) {
        let mut warm = lock(&self.warm);
        match head {
            Some(head) => {
                warm.put(key.clone(), head.clone());
            }
            None => {
                warm.pop(key);
            }
        }
    }

    pub(super) fn remember(&self, stored: &StoredEvent, change: &Arc<Change>) {
        lock(&self.recent).put(stored.event.event_id(), Arc::clone(change));
    }
}

/// A cache's lock. A panic elsewhere leaves a cache whole: it holds copies only.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
