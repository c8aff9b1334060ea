//! The first phase of a call: what each command's input says.
//!
//! An input that needs no stream is finished here: it is ignored, quarantined, or kept as a backfill job. All others
//! become changes for the next phase.

use std::sync::Arc;

use annals_domain::definition::Catalog;
use annals_domain::identity::Provider;
use annals_domain::provider_adapter::{
    EntityWideChange, IncomingChange, ParsedInput, ProviderAdapter, ProviderAdapters,
};
use annals_domain::validation_issue::ValidationIssue;
use tokio::time::Instant;

use super::accounts::KnownAccounts;
use super::deadline::in_time;
use super::error::CommandError;
use super::pending_change::{CommandContext, PendingChange};
use super::{Action, Command, EventRead, FoundRecord, Outcome, Quarantine};
use crate::backfill::ConnectedCrms;
use crate::ports::{
    BACKFILL_PAGE_SIZE, BackfillJob, BackfillMode, Clock, JobCounts, JobPace, JobState, JobStore, PortErrorKind,
};

pub(super) enum ReadCommand {
    Finished(Box<EventRead>),
    /// One change a record, in the order of the input. Each is made when it is taken: there may be tens of thousands.
    Changes(Box<dyn Iterator<Item = PendingChange> + Send>),
}

pub(super) struct CommandReader {
    pub(super) catalog: Arc<Catalog>,
    pub(super) adapters: ProviderAdapters,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) jobs: Arc<dyn JobStore>,
    pub(super) quarantine: Quarantine,
    pub(super) accounts: KnownAccounts,
    pub(super) connected: Arc<ConnectedCrms>,
}

impl CommandReader {
    pub(super) async fn read(&self, commands: &[Command], deadline: Instant) -> Result<Vec<ReadCommand>, CommandError> {
        let mut read = Vec::with_capacity(commands.len());
        for command in commands {
            let reading = self.read_one(command);
            read.push(in_time(deadline, PortErrorKind::OutcomeUnknown, self.quarantine.store_name(), reading).await?);
        }
        Ok(read)
    }

    async fn read_one(&self, command: &Command) -> Result<ReadCommand, CommandError> {
        match &command.action {
            Action::ProcessCrmEvent { provider, raw_event } => self.read_event(command, *provider, raw_event).await,
            Action::CreateEntity(found) | Action::UpdateEntity(found) | Action::DeleteEntity(found) => {
                self.read_image(command, found).await
            }
        }
    }

    async fn read_event(
        &self,
        command: &Command,
        provider: Provider,
        input: &str,
    ) -> Result<ReadCommand, CommandError> {
        let adapter = adapter_of(&self.adapters, provider)?;
        let read = match adapter.read_input(input) {
            ParsedInput::Changes(mut changes) => {
                let account = changes.first().and_then(|change| change.account.clone());
                let warning = self.accounts.warning(provider, account).await;
                changes.iter_mut().for_each(|change| change.warnings.extend(warning.clone()));
                return Ok(pending(command, adapter, changes.into_iter()));
            }
            ParsedInput::Merged(mut merged) => {
                let warning = self.accounts.warning(provider, merged.first.account.clone()).await;
                merged.first.warnings.extend(warning);
                return Ok(pending(command, adapter, merged.into_changes()));
            }
            ParsedInput::EntityWide(change) => self.request_backfill(provider, &change, input).await?,
            ParsedInput::Ignored(reason) => {
                let mut read = EventRead::of_input(provider, Outcome::Ignored, self.clock.now());
                read.warnings.push(ValidationIssue::new("", reason));
                read
            }
            ParsedInput::Malformed(errors) => self.quarantined(provider, input, errors).await?,
            ParsedInput::Unrecognised(error) => self.quarantined(provider, input, vec![error]).await?.unrecognised(),
        };
        Ok(ReadCommand::Finished(Box::new(read)))
    }

    async fn read_image(&self, command: &Command, found: &FoundRecord) -> Result<ReadCommand, CommandError> {
        let adapter = adapter_of(&self.adapters, found.provider)?;
        match adapter.read_image(&found.entity_name, &found.external_id, &found.image) {
            Ok(change) => Ok(pending(command, adapter, std::iter::once(change))),
            Err(errors) => {
                let record = found.image.record.as_deref().unwrap_or("null");
                let read = self.quarantined(found.provider, record, errors).await?;
                Ok(ReadCommand::Finished(Box::new(read)))
            }
        }
    }

    async fn request_backfill(
        &self,
        provider: Provider,
        change: &EntityWideChange,
        input: &str,
    ) -> Result<EventRead, CommandError> {
        let now = self.clock.now();
        let job = BackfillJob {
            id: change.identity.uuid(),
            provider,
            entity_name: change.entity_name.clone(),
            mode: BackfillMode::Full,
            page_size: BACKFILL_PAGE_SIZE,
            input: input.to_owned(),
            created_at: now,
            state: JobState::Waiting,
            reason: match self.connected.has(provider) {
                true => format!("asked for by: {}", change.reason),
                false => format!("no {provider} connection is set up to read from; asked for by: {}", change.reason),
            },
            counts: JobCounts::default(),
            started_at: None,
            updated_at: None,
            pace: JobPace::default(),
        };
        let (job_id, schema) = (job.id, self.catalog.schema(provider, &change.entity_name));
        self.jobs.add(job).await?;
        let mut read = EventRead::of_input(provider, Outcome::BackfillRequested, now);
        (read.event_id, read.job_id) = (Some(change.identity), Some(job_id));
        (read.entity_name, read.aggregate_type) = (Some(change.entity_name.clone()), Some(schema.aggregate_type()));
        read.warnings.push(ValidationIssue::new("ChangeEventHeader.recordIds", change.reason.clone()));
        Ok(read)
    }

    async fn quarantined(
        &self,
        provider: Provider,
        input: &str,
        errors: Vec<ValidationIssue>,
    ) -> Result<EventRead, CommandError> {
        let entry = self.quarantine.keep(provider, input.as_bytes(), errors.clone()).await?;
        Ok(EventRead::quarantined(provider, entry.id, errors, self.clock.now()))
    }
}

fn pending(
    command: &Command,
    adapter: &dyn ProviderAdapter,
    changes: impl Iterator<Item = IncomingChange> + Send + 'static,
) -> ReadCommand {
    let correlation_id = command.metadata.correlation_id.clone();
    let is_first = matches!(command.action, Action::CreateEntity(_));
    let context = Arc::new(CommandContext { command_id: command.id, correlation_id, is_first });
    let account = adapter.account().clone();
    ReadCommand::Changes(Box::new(changes.map(move |change| PendingChange::new(change, &account, &context))))
}

/// The adapter of a provider, or an error if its events are not accepted here.
pub(crate) fn adapter_of(
    adapters: &ProviderAdapters,
    provider: Provider,
) -> Result<&dyn ProviderAdapter, CommandError> {
    adapters.get(provider).map(|adapter| &**adapter).ok_or(CommandError::UnknownProvider(provider))
}
