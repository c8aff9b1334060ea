//! Projections: from stored events to the read model, to other systems, to refetch tasks.
//!
//! Promises that every record in a batch is brought to at least its highest version there, that a
//! record which fails by itself is parked and does not hold up others, and that no output depends
//! on what is cached. The order between records is nobody's promise.

mod bring_up;
mod broadcast;
mod cache;
mod feed_projector;
mod load;
mod parked;
mod projector;
mod read_model;
mod rebuild;
mod refetch;
mod registry;

use std::sync::Arc;

use annals_domain::aggregate::Aggregate;
use annals_domain::change::{Change, Lifecycle};
use annals_domain::definition::EntitySchema;
use annals_domain::entity::Entity;
use annals_domain::event::DomainEvent;
use annals_domain::mapping;
use annals_domain::position::Position;
use annals_domain::provider_adapter::{ProviderAdapter, UnreadableEvent};
use annals_domain::services::refetch::Judged;
use async_trait::async_trait;

pub use self::broadcast::BroadcastProjection;
pub use self::feed_projector::{BackgroundProjector, CatchUpError, FeedProjector};
pub use self::load::StateLoader;
pub use self::parked::{ParkRequest, RedriveReport};
pub use self::projector::{BatchReport, Projector, ProjectorPorts, ProjectorSettings, SNAPSHOT_INTERVAL};
pub use self::read_model::{ReadModelProjection, document_of};
pub use self::rebuild::{StreamRebuildReport, StreamRebuilder, shown_document};
pub use self::refetch::{REFETCH_DELAY_MS, RefetchProjection};
pub use self::registry::{EventPattern, InvalidEventPattern, ProjectionRegistry};
use crate::ports::{JobOutcome, PortError, ProjectionJob};

/// One event of a batch, with what it says.
#[derive(Debug, Clone)]
pub struct EventWithChange {
    /// The event.
    pub event: Arc<DomainEvent>,
    /// What it says.
    pub change: Arc<Change>,
}

/// One record's way through a batch.
#[derive(Debug)]
pub struct StateTransition {
    /// Its schema.
    pub schema: EntitySchema,
    /// Its entity before the batch; `None` where it did not show.
    pub before: Option<Arc<Entity>>,
    /// The newest word on its life before the batch, and where it stood.
    pub standing: Option<(Position, Lifecycle)>,
    /// Its state behind the batch.
    pub after: Aggregate,
    /// Its entity behind the batch.
    pub entity: Arc<Entity>,
    /// The events that led there, in version order.
    pub events: Vec<EventWithChange>,
    /// How many stored events below the batch were folded for it.
    pub folded: u64,
}

impl StateTransition {
    /// The run of events, as the refetch rules judge it.
    pub(crate) fn judged(&self) -> Vec<Judged<'_>> {
        let run = self.events.iter().map(|read| Judged {
            event_type: read.event.event_type,
            change: &read.change,
            meets_image: read.event.metadata.meets_image,
        });
        run.collect()
    }
}

/// A projection's input on one record.
#[derive(Debug)]
pub struct ProjectionInput<'a> {
    /// The job.
    pub job: ProjectionJob,
    /// The record's way.
    pub progress: &'a StateTransition,
}

/// Why a projection did not do its input on a record.
#[derive(Debug)]
pub enum ProjectionFailure {
    /// The world failed: the same input may succeed later.
    Outage(PortError),
    /// The record fails by itself, and would again.
    Poison(String),
}

impl From<PortError> for ProjectionFailure {
    fn from(error: PortError) -> Self {
        match error.kind {
            crate::ports::PortErrorKind::Rejected => Self::Poison(error.to_string()),
            _ => Self::Outage(error),
        }
    }
}

/// An event that cannot be read is its record's own fault.
impl From<UnreadableEvent> for ProjectionFailure {
    fn from(error: UnreadableEvent) -> Self {
        Self::Poison(error.to_string())
    }
}

/// A projection.
#[async_trait]
pub trait Projection: Send + Sync {
    /// Its name in jobs and patterns.
    fn name(&self) -> &'static str;

    /// Does the input; one answer each, in their order.
    async fn run(&self, inputs: &[ProjectionInput<'_>]) -> Vec<Result<JobOutcome, ProjectionFailure>>;
}

/// The entity of a state, where it shows: one that waits for its base does not.
pub(crate) fn shown(aggregate: &Aggregate, schema: &EntitySchema, adapter: &dyn ProviderAdapter) -> Option<Entity> {
    aggregate.has_base().then(|| mapping::map(aggregate, schema, adapter))
}
