//! Drains due refetch tasks.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use annals_domain::change::RefetchReason;
use annals_domain::definition::Catalog;
use annals_domain::identity::{EntityKey, ExternalId, Provider};
use annals_domain::path::Path;
use annals_domain::position::EventId;
use annals_domain::provider_adapter::{ProviderAdapter, ProviderAdapters};
use serde::de::IgnoredAny;
use tokio::time::Instant;
use uuid::Uuid;

use super::outcome::{TaskOutcome, failed, outcome, postponed};
use super::report::RefetchReport;
use crate::commands::{CommandError, adapter_of};
use crate::crm::{
    CrmConnection, CrmConnections, HeldLease, ImageResult, ImageStore, ReadRecord, ReadRecords, Selection, caught,
};
use crate::log_chain;
use crate::ports::{
    Clock, CrmError, Ids, LeaseStore, ObjectDescription, ObjectNotes, ObjectOfProvider, PortError, RefetchQueue,
    RefetchTask, revise_note,
};

/// The name of the lease: one process refetches at a time.
const WORK: &str = "refetch";
/// The number of tasks that are looked at together.
const BATCH: usize = 500;
/// A batch is not begun later than this before the deadline.
const MARGIN: Duration = Duration::from_secs(2);

#[derive(Clone)]
pub struct RefetcherPorts {
    pub queue: Arc<dyn RefetchQueue>,
    pub notes: Arc<dyn ObjectNotes>,
    pub leases: Arc<dyn LeaseStore>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
}

/// Reads the records of due tasks, and stores them.
#[derive(Clone)]
pub struct Refetcher {
    ports: RefetcherPorts,
    connections: CrmConnections,
    images: Arc<ImageStore>,
    catalog: Arc<Catalog>,
    adapters: ProviderAdapters,
}

#[derive(Debug, thiserror::Error)]
pub enum RefetchError {
    #[error(transparent)]
    Crm(#[from] CrmError),
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error(transparent)]
    Port(#[from] PortError),
    /// A mistake in the program. The records of other objects are read.
    #[error("reading ended unexpectedly; see the log")]
    Panicked,
}

impl RefetchError {
    /// Whether the records of other objects can be read.
    fn concerns_object(&self) -> bool {
        match self {
            Self::Crm(error) => !error.concerns_all_objects(),
            Self::Panicked => true,
            Self::Command(_) | Self::Port(_) => false,
        }
    }
}

/// The state of one run.
#[derive(Default)]
struct Run {
    report: RefetchReport,
    descriptions: HashMap<ObjectOfProvider, ObjectDescription>,
    /// CRMs that cannot be read in this run.
    blocked: BTreeSet<Provider>,
}

/// The tasks of one object.
struct ObjectTasks<'a> {
    connection: &'a CrmConnection,
    adapter: &'a dyn ProviderAdapter,
    object: ObjectOfProvider,
    description: ObjectDescription,
    selection: Selection,
    /// What is noted of the object as unreadable.
    noted: BTreeSet<Path>,
    deadline: Instant,
}

/// What was read and stored of one task's record.
struct Refetched {
    result: ImageResult,
    /// What the CRM does not show of what is unknown.
    hidden: BTreeSet<Path>,
}

impl Refetcher {
    pub fn new(
        ports: RefetcherPorts,
        connections: CrmConnections,
        images: Arc<ImageStore>,
        catalog: Arc<Catalog>,
        adapters: ProviderAdapters,
    ) -> Self {
        Self { ports, connections, images, catalog, adapters }
    }

    /// Reads due records until none is left, or until shortly before the deadline. A CRM that cannot be read is part of
    /// the report; an error is one of this installation's stores.
    pub async fn run(&self, deadline: Instant) -> Result<RefetchReport, PortError> {
        if self.connections.is_empty() {
            return Ok(RefetchReport::default());
        }
        let (token, now) = (self.ports.ids.fresh(), self.ports.clock.now());
        let work = WORK.to_owned();
        let acquired = HeldLease::acquire::<IgnoredAny>(&self.ports.leases, work, token, now, deadline).await?;
        let Some((lease, _)) = acquired else {
            return Ok(RefetchReport { is_elsewhere: true, ..RefetchReport::default() });
        };
        let drained = self.drain(deadline).await;
        lease.release().await?;
        drained
    }

    async fn drain(&self, deadline: Instant) -> Result<RefetchReport, PortError> {
        let mut run = Run::default();
        for provider in self.connections.providers() {
            self.drain_provider(provider, deadline, &mut run).await?;
        }
        Ok(run.report)
    }

    async fn drain_provider(&self, provider: Provider, deadline: Instant, run: &mut Run) -> Result<(), PortError> {
        while Instant::now() + MARGIN < deadline && !run.blocked.contains(&provider) {
            let now = self.ports.clock.now();
            let mut due = self.ports.queue.earliest(provider, BATCH).await?;
            due.retain(|task| task.due_at <= now);
            if due.is_empty() {
                break;
            }
            let mut by_object = BTreeMap::<ObjectOfProvider, Vec<RefetchTask>>::new();
            for task in due {
                by_object.entry((provider, task.key.entity_name.clone())).or_default().push(task);
            }
            for (object, tasks) in by_object {
                self.read_object(object, tasks, deadline, run).await?;
            }
        }
        Ok(())
    }

    /// Reads the records of one object. What fails for all objects of its CRM ends the run for that CRM.
    async fn read_object(
        &self,
        object: ObjectOfProvider,
        tasks: Vec<RefetchTask>,
        deadline: Instant,
        run: &mut Run,
    ) -> Result<(), PortError> {
        let (provider, name) = object.clone();
        if run.blocked.contains(&provider) {
            return Ok(());
        }
        let panicked = (RefetchError::Panicked, tasks.clone());
        match caught(self.try_object(object, tasks, deadline, run), panicked).await {
            Ok(()) => Ok(()),
            Err((RefetchError::Port(error) | RefetchError::Command(CommandError::Port(error)), _)) => Err(error),
            Err((error, tasks)) if error.concerns_object() => {
                tracing::warn!(%provider, entity_name = %name, error = %log_chain(&error), "records not refetched");
                let now = self.ports.clock.now();
                let later: Vec<RefetchTask> = tasks.iter().map(|task| postponed(task, now)).collect();
                run.report.postponed += later.len();
                self.ports.queue.postpone(&later).await
            }
            Err((error, _)) => {
                tracing::warn!(%provider, error = %log_chain(&error), "records wait to be refetched");
                run.report.waiting.push(format!("{provider}: {}", log_chain(&error)));
                run.blocked.insert(provider);
                Ok(())
            }
        }
    }

    /// On an error, with the tasks that were not done.
    async fn try_object(
        &self,
        object: ObjectOfProvider,
        tasks: Vec<RefetchTask>,
        deadline: Instant,
        run: &mut Run,
    ) -> Result<(), (RefetchError, Vec<RefetchTask>)> {
        let mut tasks = self.without_unneeded(tasks, deadline, run).await.map_err(|error| (error, Vec::new()))?;
        if tasks.is_empty() {
            return Ok(());
        }
        let prepared = match self.prepare(object, deadline, run).await {
            Ok(Some(prepared)) => prepared,
            Ok(None) => return Ok(()),
            Err(error) => return Err((error, tasks)),
        };
        while !tasks.is_empty() && Instant::now() + MARGIN < deadline {
            // A call that fails for one of its records is made smaller until it names that record alone.
            let attempts = tasks.iter().map(|task| task.attempts).max().unwrap_or(0).min(16);
            let size = (prepared.connection.client.ids_per_call() >> attempts).max(1);
            let rest = tasks.split_off(size.min(tasks.len()));
            if let Err(error) = self.read_chunk(&prepared, &tasks, run).await {
                // The rest has not failed; it is read in the next batch.
                return Err((error, tasks));
            }
            tasks = rest;
        }
        Ok(())
    }

    /// Ends the tasks of records that only waited for their creation, which came meanwhile.
    async fn without_unneeded(
        &self,
        tasks: Vec<RefetchTask>,
        deadline: Instant,
        run: &mut Run,
    ) -> Result<Vec<RefetchTask>, RefetchError> {
        let only_base = |task: &RefetchTask| task.reasons.iter().all(|reason| *reason == RefetchReason::MissingBase);
        let (waiting, mut needed): (Vec<_>, Vec<_>) = tasks.into_iter().partition(only_base);
        if waiting.is_empty() {
            return Ok(needed);
        }
        let keys: Vec<EntityKey> = waiting.iter().map(|task| task.key.clone()).collect();
        let heads = self.images.heads(&keys, deadline).await?;
        let mut unneeded = Vec::new();
        for (task, head) in waiting.into_iter().zip(heads) {
            if head.ok().flatten().is_some_and(|head| head.base.is_some()) {
                unneeded.push((task.key, task.version));
            } else {
                needed.push(task);
            }
        }
        run.report.unneeded += unneeded.len();
        self.ports.queue.finish(&unneeded).await?;
        Ok(needed)
    }

    /// What is needed to read an object; `None` if the quota does not allow it now.
    async fn prepare(
        &self,
        object: ObjectOfProvider,
        deadline: Instant,
        run: &mut Run,
    ) -> Result<Option<ObjectTasks<'_>>, RefetchError> {
        let (provider, name) = &object;
        let connection = self.connections.get(*provider).ok_or(CommandError::UnknownProvider(*provider))?;
        let adapter = adapter_of(&self.adapters, *provider)?;
        if let Some(refusal) = connection.quota().await?.refusal {
            tracing::warn!(%provider, reason = refusal.reason, "records wait to be refetched");
            run.report.waiting.push(format!("{provider}: {}", refusal.reason));
            run.blocked.insert(*provider);
            return Ok(None);
        }
        let description = match run.descriptions.get(&object) {
            Some(description) => description.clone(),
            None => connection.client.describe(name).await?,
        };
        run.descriptions.insert(object.clone(), description.clone());
        let schema = self.catalog.schema(*provider, name);
        let selection = Selection::new(name, &description, &schema, adapter);
        let noted = self.ports.notes.note(&object).await?.unreadable;
        Ok(Some(ObjectTasks { connection, adapter, object, description, selection, noted, deadline }))
    }

    async fn read_chunk(
        &self,
        prepared: &ObjectTasks<'_>,
        tasks: &[RefetchTask],
        run: &mut Run,
    ) -> Result<(), RefetchError> {
        let refetched = self.refetch(prepared, tasks).await?;
        run.report.read += refetched.len();
        let now = self.ports.clock.now();
        let (mut finished, mut later, mut unreadable) = (Vec::new(), Vec::new(), BTreeSet::new());
        for task in tasks {
            let outcome = match refetched.get(&task.external_id) {
                Some(Refetched { result, hidden }) => outcome(task, result, hidden, &prepared.noted, now),
                // Neither found nor absent: that read failed.
                None => failed(task, now).map_or(TaskOutcome::Finished, TaskOutcome::Postponed),
            };
            match outcome {
                TaskOutcome::Finished => finished.push((task.key.clone(), task.version)),
                TaskOutcome::Postponed(task) => later.push(task),
                TaskOutcome::Unreadable(paths) => {
                    run.report.unreadable += 1;
                    unreadable.extend(paths);
                    finished.push((task.key.clone(), task.version));
                }
            }
        }
        self.note_unreadable(&prepared.object, unreadable).await?;
        (run.report.finished, run.report.postponed) =
            (run.report.finished + finished.len(), run.report.postponed + later.len());
        self.ports.queue.postpone(&later).await?;
        self.ports.queue.finish(&finished).await?;
        Ok(())
    }

    /// Reads and stores records; those with unknown fields that were not selected are read once more with them.
    async fn refetch(
        &self,
        prepared: &ObjectTasks<'_>,
        tasks: &[RefetchTask],
    ) -> Result<HashMap<ExternalId, Refetched>, RefetchError> {
        let causes: HashMap<&ExternalId, Uuid> = tasks.iter().map(|task| (&task.external_id, cause_of(task))).collect();
        let ids: Vec<ExternalId> = causes.keys().map(|id| (*id).clone()).collect();
        let results = self.read_and_store(prepared, &prepared.selection, &ids, &causes).await?;
        let unknown: BTreeSet<Path> = results.iter().flat_map(|result| result.unknown.clone()).collect();
        let (widened, hidden) = prepared.selection.widened(&prepared.description, &unknown, prepared.adapter);
        let refetched =
            |result: ImageResult| (result.external_id.clone(), Refetched { result, hidden: hidden.clone() });
        let lacks_fields = |result: &&ImageResult| result.unknown.iter().any(|path| !hidden.contains(path));
        let again: Vec<ExternalId> =
            results.iter().filter(lacks_fields).map(|result| result.external_id.clone()).collect();
        let mut all: HashMap<ExternalId, Refetched> = results.into_iter().map(refetched).collect();
        if !again.is_empty() && widened != prepared.selection {
            let results = self.read_and_store(prepared, &widened, &again, &causes).await?;
            all.extend(results.into_iter().map(refetched));
        }
        Ok(all)
    }

    async fn read_and_store(
        &self,
        prepared: &ObjectTasks<'_>,
        selection: &Selection,
        ids: &[ExternalId],
        causes: &HashMap<&ExternalId, Uuid>,
    ) -> Result<Vec<ImageResult>, RefetchError> {
        let (provider, object) = &prepared.object;
        let lookup = prepared.connection.client.records(object, &selection.fields, ids).await?;
        let fetched_at = lookup.fetched_at;
        let record = |(id, record)| {
            let caused_by = causes.get(&id).copied().unwrap_or_default();
            ReadRecord { id, record, caused_by }
        };
        let read = ReadRecords {
            provider: *provider,
            object,
            calculated: &selection.calculated,
            records: lookup.into_records().map(record).collect(),
            are_mostly_unknown: false,
            fetched_at,
            correlation_id: None,
        };
        Ok(self.images.store(read, prepared.deadline).await?)
    }

    async fn note_unreadable(&self, object: &ObjectOfProvider, paths: BTreeSet<Path>) -> Result<(), PortError> {
        if paths.is_empty() {
            return Ok(());
        }
        let names = paths.iter().map(|path| format!("`{path}`")).collect::<Vec<_>>().join(", ");
        tracing::warn!(provider = %object.0, entity_name = %object.1, "unreadable fields: {names}");
        revise_note(&*self.ports.notes, object, |note| note.unreadable.extend(paths.iter().cloned())).await
    }
}

/// The causation id of what a task stores: the event that asked for it.
fn cause_of(task: &RefetchTask) -> Uuid {
    let unknown = || Uuid::new_v5(&task.key.aggregate_id.uuid(), b"refetch");
    task.asked_by.map_or_else(unknown, EventId::uuid)
}
