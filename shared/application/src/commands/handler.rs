//! The command handler: from commands to stored events and their responses.
//!
//! A call is a line of three phases: the reader turns each input into changes, the appender stores the changes, and the
//! responder says what each came to. All three share one deadline. Commands for one record are stored in the order of
//! the call. Nothing is projected here: a listener is notified.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use annals_domain::definition::Catalog;
use annals_domain::identity::{EntityKey, Provider};
use annals_domain::provider_adapter::ProviderAdapters;
use annals_domain::stream_head::StreamHead;
use annals_domain::validation_issue::ValidationIssue;
use annals_json as json;
use async_trait::async_trait;
use lru::LruCache;
use tokio::time::Instant;

use super::accounts::KnownAccounts;
use super::append::Appender;
use super::caches::{RecentChanges, WarmHeads};
use super::deadline::deadline_of;
use super::error::{CommandError, IngestError, MAX_INPUTS};
use super::portion::Portion;
use super::quarantine::QuarantineError;
use super::reader::{CommandReader, ReadCommand};
use super::responder::Responder;
use super::{Action, Command, CommandMetadata, EventRead, Quarantine};
use crate::backfill::{Backfill, ConnectedCrms};
use crate::ports::{Clock, EventStore, Ids, ObjectRegistry, StatePorts};
use crate::work_status::WorkStatus;

/// The largest quarantined input that is processed again, in bytes: it is held in memory whole.
const MAX_REDRIVE_BYTES: u64 = 16 * 1024 * 1024;

#[derive(Debug, Clone, Copy)]
pub struct HandlerSettings {
    /// How long a call may retry and wait for a store before it fails as retryable, if its commands set no deadline.
    pub deadline: Duration,
    /// The number of stream heads that are kept. A head takes about 200 bytes.
    pub warm_heads: NonZeroUsize,
    /// The number of changes just stored that are kept for a projection in the same process.
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

/// Whether appended events were projected by the time of the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Projected {
    /// Readers find them.
    Done,
    /// Not yet, because of an outage or for lack of time: the responses say so.
    Later,
    /// Nobody waited for it, and nobody expects it.
    NotAwaited,
}

/// Is notified after events were appended.
#[async_trait]
pub trait AppendListener: Send + Sync {
    /// Events were appended. A failure here does not fail the command. Returns by the deadline.
    async fn appended(&self, deadline: Instant) -> Projected;
}

/// Sees the outcome of each change, whichever way it came in.
pub trait OutcomeObserver: Send + Sync {
    fn observed(&self, read: &EventRead);
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngestResult {
    /// One response for each changed record, in the order of the body.
    pub results: Vec<EventRead>,
    /// Whether any form of the provider was recognised in the body.
    pub is_recognised: bool,
}

pub struct CommandHandler {
    reader: CommandReader,
    appender: Appender,
    responder: Responder,
    objects: Arc<dyn ObjectRegistry>,
    time_limit: Duration,
    listener: Option<Arc<dyn AppendListener>>,
    observer: Option<Arc<dyn OutcomeObserver>>,
    connected: Arc<ConnectedCrms>,
    writes: Option<Arc<WorkStatus>>,
}

/// A call that stored nothing new says nothing about writes.
fn report_write(writes: &WorkStatus, responses: &Result<Vec<Vec<EventRead>>, CommandError>) {
    match responses {
        Ok(responses) if responses.iter().flatten().any(|read| read.outcome.is_kept_now()) => writes.succeeded(),
        Err(CommandError::Port(error)) => writes.failed(error.message.clone()),
        Ok(_) | Err(CommandError::UnknownProvider(_) | CommandError::Contended) => {}
    }
}

impl CommandHandler {
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
        let responder =
            Responder { catalog: Arc::clone(&catalog), clock: Arc::clone(&clock), quarantine: quarantine.clone() };
        let connected = Arc::<ConnectedCrms>::default();
        let reader = CommandReader {
            catalog: Arc::clone(&catalog),
            adapters: adapters.clone(),
            clock: Arc::clone(&clock),
            jobs: state.jobs,
            quarantine,
            accounts: KnownAccounts::new(state.accounts),
            connected: Arc::clone(&connected),
        };
        let heads = WarmHeads::new(settings.warm_heads);
        let recent = Arc::new(Mutex::new(LruCache::new(settings.recent_changes)));
        let appender = Appender { store, catalog, adapters, clock, ids, heads, recent };
        let (objects, time_limit) = (state.objects, settings.deadline);
        let (listener, observer, writes) = (None, None, None);
        Self { reader, appender, responder, objects, time_limit, listener, observer, connected, writes }
    }

    /// With a listener that is notified of appended events.
    #[must_use]
    pub fn with_listener(mut self, listener: Arc<dyn AppendListener>) -> Self {
        self.listener = Some(listener);
        self
    }

    /// Says that these CRMs are connected: their backfill jobs are run.
    pub fn connect(&self, providers: impl IntoIterator<Item = Provider>) {
        self.connected.connect(providers);
    }

    /// With an observer of the outcome of each change.
    #[must_use]
    pub fn observed_by(mut self, observer: Arc<dyn OutcomeObserver>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// With a status that says how the last writes went.
    #[must_use]
    pub fn reporting_writes_to(mut self, writes: Arc<WorkStatus>) -> Self {
        self.writes = Some(writes);
        self
    }

    pub fn recent(&self) -> Arc<RecentChanges> {
        Arc::clone(&self.appender.recent)
    }

    pub fn providers(&self) -> impl Iterator<Item = Provider> + '_ {
        self.reader.adapters.iter().map(|adapter| adapter.provider())
    }

    /// The quarantine that rejected inputs go to.
    pub fn quarantine(&self) -> &Quarantine {
        &self.reader.quarantine
    }

    /// The backfill jobs, those that changes ask for among them.
    pub fn backfill(&self) -> Backfill {
        let CommandReader { catalog, adapters, clock, jobs, .. } = &self.reader;
        let (jobs, objects) = (Arc::clone(jobs), Arc::clone(&self.objects));
        let backfill = Backfill::new(jobs, objects, Arc::clone(catalog), adapters.clone(), Arc::clone(clock));
        backfill.connected_to(Arc::clone(&self.connected))
    }

    /// Ingests one body: a change event in any of the provider's forms, or an array of them.
    pub async fn ingest_body(
        &self,
        provider: Provider,
        body: &str,
        metadata: CommandMetadata,
    ) -> Result<IngestResult, IngestError> {
        let inputs = json::split(body).map_err(IngestError::NotJson)?;
        if inputs.len() > MAX_INPUTS {
            return Err(IngestError::TooMany(inputs.len()));
        }
        let results = self.handle(self.commands_of(provider, &inputs, &metadata)).await?;
        let is_unrecognised = |reads: &Vec<EventRead>| reads.iter().any(EventRead::is_unrecognised);
        let is_recognised = results.is_empty() || !results.iter().all(is_unrecognised);
        Ok(IngestResult { results: results.into_iter().flatten().collect(), is_recognised })
    }

    /// The heads of streams as they are stored, one a key. The next change of such a stream does not read its head again.
    pub async fn heads(&self, keys: &[EntityKey], deadline: Instant) -> Result<Vec<Option<StreamHead>>, CommandError> {
        self.appender.heads(keys, deadline).await
    }

    pub fn fresh_id(&self) -> uuid::Uuid {
        self.appender.ids.fresh()
    }

    pub fn commands_of(&self, provider: Provider, inputs: &[&str], metadata: &CommandMetadata) -> Vec<Command> {
        let command = |input: &&str| Command {
            id: self.fresh_id(),
            action: Action::ProcessCrmEvent { provider, raw_event: Arc::from(*input) },
            metadata: metadata.clone(),
        };
        inputs.iter().map(command).collect()
    }

    /// Carries out commands; one list of responses a command, in their order.
    pub async fn handle(&self, commands: Vec<Command>) -> Result<Vec<Vec<EventRead>>, CommandError> {
        let deadline = deadline_of(&commands, self.time_limit);
        let responses = self.store(&commands, deadline).await;
        if let Some(writes) = &self.writes {
            report_write(writes, &responses);
        }
        let responses = responses?;
        if let Some(observer) = &self.observer {
            responses.iter().flatten().for_each(|read| observer.observed(read));
        }
        Ok(responses)
    }

    async fn store(&self, commands: &[Command], deadline: Instant) -> Result<Vec<Vec<EventRead>>, CommandError> {
        let read = self.reader.read(commands, deadline).await?;
        self.append_and_respond(read, deadline).await
    }

    async fn append_and_respond(
        &self,
        read: Vec<ReadCommand>,
        deadline: Instant,
    ) -> Result<Vec<Vec<EventRead>>, CommandError> {
        let mut responses: Vec<Vec<EventRead>> = Vec::with_capacity(read.len());
        let mut portion = Portion::default();
        let mut has_changes = false;
        for (command, read) in read.into_iter().enumerate() {
            responses.push(Vec::new());
            match read {
                ReadCommand::Finished(read) => responses[command].push(*read),
                ReadCommand::Changes(changes) => {
                    for change in changes {
                        has_changes = true;
                        if portion.add(command, change) {
                            self.append_portion(&mut portion, &mut responses, deadline).await?;
                        }
                    }
                }
            }
        }
        self.append_portion(&mut portion, &mut responses, deadline).await?;
        if let Some(listener) = self.listener.as_ref().filter(|_| has_changes)
            && listener.appended(deadline).await == Projected::Later
        {
            responses.iter_mut().flatten().for_each(EventRead::add_not_projected);
        }
        Ok(responses)
    }

    /// Appends the changes of a portion, and adds the response to each to those of its command.
    async fn append_portion(
        &self,
        portion: &mut Portion,
        responses: &mut [Vec<EventRead>],
        deadline: Instant,
    ) -> Result<(), CommandError> {
        let Portion { commands, changes, .. } = std::mem::take(portion);
        for (command, appended) in commands.into_iter().zip(self.appender.append(changes, deadline).await?) {
            responses[command].push(self.responder.respond(appended, deadline).await?);
        }
        Ok(())
    }

    /// Processes a quarantined input again, as if it came now. If nothing of it is rejected any more, the entry is
    /// marked as redriven.
    pub async fn redrive(&self, id: &str) -> Result<Vec<EventRead>, QuarantineError> {
        let entry = self.quarantine().get(id).await?;
        let issue = |message: String| vec![ValidationIssue::new("", message)];
        let body = if entry.size <= MAX_REDRIVE_BYTES {
            self.quarantine().whole_body(&entry).await.map(Ok)?
        } else {
            Err(issue(format!(
                "the input has {} bytes: at most {MAX_REDRIVE_BYTES} can be processed again",
                entry.size
            )))
        };
        let text = body.and_then(|body| String::from_utf8(body).map_err(|error| issue(error.to_string())));
        let commands = text.and_then(|text| {
            let inputs = json::split(&text).map_err(|error| issue(error.to_string()))?;
            Ok(self.commands_of(entry.provider, &inputs, &CommandMetadata::default()))
        });
        let reads: Vec<EventRead> = match commands {
            Ok(commands) => {
                let responses = self.handle(commands).await.map_err(QuarantineError::Command)?;
                responses.into_iter().flatten().collect()
            }
            Err(errors) => {
                let now = self.reader.clock.now();
                vec![EventRead::quarantined(entry.provider, entry.id.clone(), errors, now)]
            }
        };
        let errors: Vec<ValidationIssue> = reads.iter().flat_map(|read| read.errors.clone()).collect();
        self.quarantine().settle(id, Some(errors).filter(|errors| !errors.is_empty())).await?;
        Ok(reads)
    }
}
