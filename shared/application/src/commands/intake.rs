//! Both ends of a command: what its input turns out to be, and the answer for each record.
//!
//! Promises that what needs no stream is dealt with here: ignored, kept in quarantine, or kept as a
//! backfill job. Appending is not its matter.

use std::sync::Arc;

use annals_domain::identity::Provider;
use annals_domain::provider_adapter::{EntityWideChange, IncomingChange, ParsedInput};
use annals_domain::validation_issue::ValidationIssue;

use super::append::Settled;
use super::decide::{Pending, key_of};
use super::handler::{CommandError, CommandHandler};
use super::{Action, Command, EventRead, FoundRecord, Outcome};
use crate::ports::{BACKFILL_PAGE_SIZE, BackfillJob, BackfillMode, JobCounts, JobState};

/// How many bytes the events of one input may take together: each keeps the whole input. A merged
/// change names some hundred records in some thousand bytes.
const MOST_FANNED_OUT: usize = 64 * 1024 * 1024;

impl CommandHandler {
    /// Reads one command's input; what needs no stream is answered at once.
    pub(super) async fn take_in(
        &self,
        index: usize,
        command: &Command,
        pending: &mut Vec<Pending>,
    ) -> Result<Vec<Option<EventRead>>, CommandError> {
        match &command.action {
            Action::ProcessCrmEvent { provider, raw_event } => {
                let intake = self.adapter(*provider)?.read_input(raw_event);
                let read = match intake {
                    ParsedInput::Changes(changes)
                        if changes.len() > 1 && changes.len() * raw_event.len() > MOST_FANNED_OUT =>
                    {
                        let message = format!(
                            "names {} records, and each would keep its {} bytes",
                            changes.len(),
                            raw_event.len()
                        );
                        self.refuse(*provider, raw_event, vec![ValidationIssue::new("", message)]).await?
                    }
                    ParsedInput::Changes(changes) => return self.queue(index, changes, pending),
                    ParsedInput::EntityWide(change) => self.request_backfill(*provider, &change, raw_event).await?,
                    ParsedInput::Ignored(word) => {
                        let mut read = EventRead::of_input(*provider, Outcome::Ignored, self.clock.now());
                        read.warnings.push(ValidationIssue::new("", word));
                        read
                    }
                    ParsedInput::Malformed(errors) => self.refuse(*provider, raw_event, errors).await?,
                    ParsedInput::Unrecognised(error) => {
                        self.refuse(*provider, raw_event, vec![error]).await?.unrecognised()
                    }
                };
                Ok(vec![Some(read)])
            }
            Action::CreateEntity(found) | Action::UpdateEntity(found) | Action::DeleteEntity(found) => {
                self.take_in_image(index, found, pending).await
            }
        }
    }

    async fn take_in_image(
        &self,
        index: usize,
        found: &FoundRecord,
        pending: &mut Vec<Pending>,
    ) -> Result<Vec<Option<EventRead>>, CommandError> {
        let adapter = self.adapter(found.provider)?;
        match adapter.read_image(&found.entity_name, &found.external_id, &found.image) {
            Ok(change) => self.queue(index, vec![change], pending),
            Err(errors) => {
                let record = found.image.record.as_deref().unwrap_or("null");
                Ok(vec![Some(self.refuse(found.provider, record, errors).await?)])
            }
        }
    }

    fn queue(
        &self,
        command: usize,
        changes: Vec<IncomingChange>,
        pending: &mut Vec<Pending>,
    ) -> Result<Vec<Option<EventRead>>, CommandError> {
        let slots = vec![None; changes.len()];
        for (slot, incoming) in changes.into_iter().enumerate() {
            let key = key_of(&incoming, self.adapter(incoming.metadata.provider)?);
            pending.push(Pending { command, slot, key, incoming: Arc::new(incoming), may_be_stored: false });
        }
        Ok(slots)
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
            reason: format!("no {provider} connection is set up to read from; asked for by: {}", change.reason),
            counts: JobCounts::default(),
            started_at: None,
            updated_at: None,
        };
        let (job_id, schema) = (job.id, self.catalog.schema(provider, &change.entity_name));
        self.state.jobs.add(job).await.map_err(CommandError::Port)?;
        let mut read = EventRead::of_input(provider, Outcome::BackfillRequested, now);
        (read.event_id, read.job_id) = (Some(change.identity), Some(job_id));
        (read.entity_name, read.aggregate_type) = (Some(change.entity_name.clone()), Some(schema.aggregate_type()));
        read.warnings.push(ValidationIssue::new("ChangeEventHeader.recordIds", change.reason.clone()));
        Ok(read)
    }

    async fn refuse(
        &self,
        provider: Provider,
        input: &str,
        errors: Vec<ValidationIssue>,
    ) -> Result<EventRead, CommandError> {
        let entry =
            self.quarantine.keep(provider, input.as_bytes(), errors.clone()).await.map_err(CommandError::Port)?;
        let mut read = EventRead::of_input(provider, Outcome::Quarantined, self.clock.now());
        (read.errors, read.quarantine_id) = (errors, Some(entry.id));
        Ok(read)
    }

    pub(super) async fn answer(
        &self,
        command: &Command,
        change: &Pending,
        settled: Settled,
    ) -> Result<EventRead, CommandError> {
        let incoming = &*change.incoming;
        let provider = incoming.metadata.provider;
        let mut read = match settled {
            Settled::Stored { event, awaits_base } => {
                let outcome = if awaits_base { Outcome::AwaitingBase } else { Outcome::Stored };
                let mut read = EventRead::of_input(provider, outcome, self.clock.now());
                (read.version, read.event_type) = (Some(event.version), Some(event.event_type));
                read.warnings.clone_from(&event.warnings);
                read
            }
            Settled::Duplicate => {
                let mut read = EventRead::of_input(provider, Outcome::Duplicate, self.clock.now());
                read.event_type = Some(incoming.event_type);
                read
            }
            Settled::Refused(errors) => {
                let input = match &command.action {
                    Action::ProcessCrmEvent { raw_event, .. } => raw_event,
                    Action::CreateEntity(_) | Action::UpdateEntity(_) | Action::DeleteEntity(_) => &incoming.data,
                };
                let mut read = self.refuse(provider, input, errors).await?;
                read.event_type = Some(incoming.event_type);
                read
            }
        };
        let schema = self.catalog.schema(provider, &incoming.entity_name);
        read.event_id = Some(incoming.change.position.event_id);
        read.entity_name = Some(incoming.entity_name.clone());
        read.external_id = Some(incoming.metadata.external_id.clone());
        read.aggregate_type = Some(schema.aggregate_type());
        read.aggregate_id = Some(change.key.aggregate_id);
        read.timestamp = Some(incoming.change.position.timestamp);
        let correlation_id = incoming.metadata.correlation_id.as_ref().or(command.metadata.correlation_id.as_ref());
        read.correlation_id = correlation_id.cloned();
        Ok(read)
    }
}
