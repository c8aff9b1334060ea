//! The last phase of a call: the response to each change, from what its append came to.

use std::sync::Arc;

use annals_domain::definition::Catalog;
use tokio::time::Instant;

use super::append::{AppendOutcome, AppendedChange};
use super::deadline::in_time;
use super::error::CommandError;
use super::{EventRead, Outcome, Quarantine};
use crate::ports::{Clock, PortErrorKind};

pub(super) struct Responder {
    pub(super) catalog: Arc<Catalog>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) quarantine: Quarantine,
}

impl Responder {
    /// The response to one change. A rejected change goes to quarantine with its whole input first.
    pub(super) async fn respond(&self, appended: AppendedChange, deadline: Instant) -> Result<EventRead, CommandError> {
        let AppendedChange { change, outcome } = appended;
        let incoming = &*change.incoming;
        let provider = incoming.metadata.provider;
        let mut read = match outcome {
            AppendOutcome::Stored { event, awaits_base } => {
                let outcome = if awaits_base { Outcome::AwaitingBase } else { Outcome::Stored };
                let mut read = EventRead::of_input(provider, outcome, self.clock.now());
                (read.version, read.event_type) = (Some(event.version), Some(event.event_type));
                read.warnings.clone_from(&event.warnings);
                read
            }
            AppendOutcome::Duplicate => {
                let mut read = EventRead::of_input(provider, Outcome::Duplicate, self.clock.now());
                read.event_type = Some(incoming.event_type);
                read
            }
            AppendOutcome::Rejected(errors) => {
                let keeping = self.quarantine.keep(provider, incoming.data.as_bytes(), errors.clone());
                let kind = PortErrorKind::OutcomeUnknown;
                let entry = in_time(deadline, kind, self.quarantine.store_name(), keeping).await?;
                let mut read = EventRead::quarantined(provider, entry.id, errors, self.clock.now());
                read.event_type = Some(incoming.event_type);
                read
            }
        };
        read.event_id = Some(incoming.change.position.event_id);
        read.entity_name = Some(incoming.entity_name.clone());
        read.external_id = Some(incoming.metadata.external_id.clone());
        read.aggregate_type = Some(self.catalog.schema(provider, &incoming.entity_name).aggregate_type());
        read.aggregate_id = Some(change.key.aggregate_id);
        read.timestamp = Some(incoming.change.position.timestamp);
        read.correlation_id = change.correlation_id().cloned();
        Ok(read)
    }
}
