//! Backfill: requesting, inspecting, pausing, resuming and cancelling reads of an object's records.
//!
//! An object has at most one requested backfill that has not ended, however many callers request one at
//! the same time. A change event that names no record adds a job of its own, which is the same read:
//! pausing, resuming and cancelling apply to all jobs of the object. Jobs of a CRM that is not connected
//! wait until it is.

mod connected;
mod job_action;
mod request;
pub mod run;
mod status;

use std::sync::Arc;

use annals_domain::definition::Catalog;
use annals_domain::identity::{EntityName, Provider};
use annals_domain::provider_adapter::ProviderAdapters;
use annals_domain::validation_issue::ValidationIssue;
use uuid::Uuid;

pub use self::connected::ConnectedCrms;
use self::job_action::JobAction;
pub use self::request::{BackfillRequest, LARGEST_BACKFILL_PAGE};
pub use self::status::BackfillStatus;
use crate::ports::{BackfillJob, Clock, JobCounts, JobPace, JobState, JobStore, ObjectRegistry, PortError};

/// The attempts of a call while other callers change the same jobs.
const MAX_ATTEMPTS: usize = 16;

/// Why a request or a change of a backfill fails.
#[derive(Debug, thiserror::Error)]
pub enum BackfillError {
    /// No type of that name has records at a CRM with an adapter in this installation.
    #[error("no entity type `{0}` with records at a CRM")]
    UnknownType(String),
    #[error("no backfill of `{0}`")]
    NoJob(String),
    /// The request is invalid: all errors, not only the first.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Rejected(Vec<ValidationIssue>),
    /// A new backfill can be requested only after the previous one has ended.
    #[error("the backfill `{id}` of `{name}` has not ended: it is {state}")]
    NotEnded {
        /// The name of the type as the request has it.
        name: String,
        id: Uuid,
        state: JobState,
    },
    #[error("cannot {action} the backfill `{id}` of `{name}`: it is {state}")]
    Ended {
        /// The name of the type as the request has it.
        name: String,
        id: Uuid,
        state: JobState,
        /// `pause`, `resume` or `cancel`.
        action: &'static str,
    },
    #[error("too many concurrent changes of the backfill of `{0}`")]
    Contended(String),
    #[error("the backfill jobs cannot be reached")]
    Port(#[from] PortError),
}

type Object = (Provider, EntityName);

/// Requests and changes the backfill jobs of an installation.
#[derive(Clone)]
pub struct Backfill {
    jobs: Arc<dyn JobStore>,
    objects: Arc<dyn ObjectRegistry>,
    catalog: Arc<Catalog>,
    adapters: ProviderAdapters,
    clock: Arc<dyn Clock>,
    connected: Arc<ConnectedCrms>,
}

impl Backfill {
    /// `objects` registers the types without a definition.
    pub fn new(
        jobs: Arc<dyn JobStore>,
        objects: Arc<dyn ObjectRegistry>,
        catalog: Arc<Catalog>,
        adapters: ProviderAdapters,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { jobs, objects, catalog, adapters, clock, connected: Arc::default() }
    }

    /// With the connected CRMs of its process.
    #[must_use]
    pub fn connected_to(self, connected: Arc<ConnectedCrms>) -> Self {
        Self { connected, ..self }
    }

    /// Requests a backfill of a type. `name` is its plural, its singular or a provider's object.
    pub async fn request(&self, name: &str, request: &BackfillRequest) -> Result<BackfillStatus, BackfillError> {
        let (provider, entity_name) = one_object(name, self.objects(name).await?)?;
        let adapter = self.adapters.get(provider).ok_or_else(|| BackfillError::UnknownType(name.to_owned()))?;
        let (mode, page_size) = request.checked(&**adapter).map_err(BackfillError::Rejected)?;
        for _ in 0..MAX_ATTEMPTS {
            let jobs = self.jobs_of(&[(provider, entity_name.clone())]).await?;
            if let Some(BackfillJob { id, state, .. }) = jobs.iter().find(|job| !job.state.has_ended()) {
                return Err(BackfillError::NotEnded { name: name.to_owned(), id: *id, state: *state });
            }
            let now = self.clock.now();
            let (state, reason) = self.initial_state(provider);
            let job = BackfillJob {
                id: id_after(jobs.first(), provider, &entity_name),
                provider,
                entity_name: entity_name.clone(),
                mode: mode.clone(),
                page_size,
                input: request.input.clone(),
                // Later than the newest job's, even if the clock steps back.
                created_at: jobs.first().map_or(now, |newest| now.max(newest.created_at.plus_millis(1))),
                state,
                reason,
                counts: JobCounts::default(),
                started_at: None,
                updated_at: None,
                pace: JobPace::default(),
            };
            let status = self.status_of(&job);
            if self.jobs.add(job).await? {
                return Ok(status);
            }
        }
        Err(BackfillError::Contended(name.to_owned()))
    }

    /// The status of the newest job that has not ended, else of the newest job.
    pub async fn status(&self, name: &str) -> Result<BackfillStatus, BackfillError> {
        let jobs = self.jobs_of(&self.objects(name).await?).await?;
        let current = current(&jobs).ok_or_else(|| BackfillError::NoJob(name.to_owned()))?;
        Ok(self.status_of(&jobs[current]))
    }

    /// Pauses the jobs of a type until they are resumed. Idempotent.
    pub async fn pause(&self, name: &str) -> Result<BackfillStatus, BackfillError> {
        self.act(name, JobAction::Pause).await
    }

    /// Resumes the paused jobs of a type. Idempotent.
    pub async fn resume(&self, name: &str) -> Result<BackfillStatus, BackfillError> {
        self.act(name, JobAction::Resume).await
    }

    /// Cancels the jobs of a type. Idempotent.
    pub async fn cancel(&self, name: &str) -> Result<BackfillStatus, BackfillError> {
        self.act(name, JobAction::Cancel).await
    }

    async fn act(&self, name: &str, action: JobAction) -> Result<BackfillStatus, BackfillError> {
        let objects = self.objects(name).await?;
        for _ in 0..MAX_ATTEMPTS {
            let mut jobs = self.jobs_of(&objects).await?;
            let current = current(&jobs).ok_or_else(|| BackfillError::NoJob(name.to_owned()))?;
            let BackfillJob { id, state, .. } = jobs[current];
            if state.has_ended() && !action.is_done_in(state) {
                return Err(BackfillError::Ended { name: name.to_owned(), id, state, action: action.verb() });
            }
            let mut has_conflict = false;
            for job in &mut jobs {
                let initial = self.initial_state(job.provider);
                let Some(changed) = action.apply(job, initial, self.clock.now()) else { continue };
                has_conflict |= !self.jobs.update(&changed, job).await?;
                *job = changed;
            }
            if !has_conflict {
                return Ok(self.status_of(&jobs[current]));
            }
        }
        Err(BackfillError::Contended(name.to_owned()))
    }

    /// The state and reason of a job that is new or resumed.
    fn initial_state(&self, provider: Provider) -> (JobState, String) {
        if self.connected.has(provider) {
            return (JobState::Queued, "due jobs are run each minute".to_owned());
        }
        let reason = format!("no CRM is connected: the job waits until records can be read from {provider}");
        (JobState::Waiting, reason)
    }

    fn status_of(&self, job: &BackfillJob) -> BackfillStatus {
        let schema = self.catalog.schema(job.provider, &job.entity_name);
        BackfillStatus::new(job, schema.aggregate_type())
    }

    /// The jobs of those objects, newest first.
    async fn jobs_of(&self, objects: &[Object]) -> Result<Vec<BackfillJob>, PortError> {
        let mut jobs = self.jobs.all().await?;
        jobs.retain(|job| objects.iter().any(|(provider, name)| (job.provider, &job.entity_name) == (*provider, name)));
        Ok(jobs)
    }

    /// The objects of the type `name` whose providers have an adapter. An object without a definition
    /// is found in the registry or in a job.
    async fn objects(&self, name: &str) -> Result<Vec<Object>, BackfillError> {
        let mut objects = self.catalog.objects_named(name);
        if objects.is_empty() {
            let of_jobs = self.jobs.all().await?.into_iter().map(|job| (job.provider, job.entity_name));
            let registered = self.objects.registered().await?;
            let is_named = |object: &EntityName| {
                object.as_str() == name || self.catalog.open(object).aggregate_type().as_str() == name
            };
            objects.extend(of_jobs.chain(registered).filter(|(_, object)| is_named(object)));
        }
        objects.retain(|(provider, _)| self.adapters.get(*provider).is_some());
        objects.sort();
        objects.dedup();
        if objects.is_empty() { Err(BackfillError::UnknownType(name.to_owned())) } else { Ok(objects) }
    }
}

/// A job reads one object. The name of a type with several objects is an error that lists them.
fn one_object(name: &str, objects: Vec<Object>) -> Result<Object, BackfillError> {
    <[Object; 1]>::try_from(objects).map(|[object]| object).map_err(|objects| {
        let names = objects.iter().map(|(provider, object)| format!("`{object}` of {provider}"));
        let names = names.collect::<Vec<_>>().join(", ");
        let message = format!("ambiguous name `{name}`: expected one of {names}");
        BackfillError::Rejected(vec![ValidationIssue::new("type", message)])
    })
}

/// Deterministic, so that simultaneous requests add one job.
fn id_after(newest: Option<&BackfillJob>, provider: Provider, object: &EntityName) -> Uuid {
    let newest = newest.map_or(Uuid::nil(), |job| job.id);
    Uuid::new_v5(&newest, format!("backfill {provider} {object}").as_bytes())
}

/// The index of the newest job that has not ended, else of the newest. `jobs`: newest first.
fn current(jobs: &[BackfillJob]) -> Option<usize> {
    let open = jobs.iter().position(|job| !job.state.has_ended());
    open.or(if jobs.is_empty() { None } else { Some(0) })
}
