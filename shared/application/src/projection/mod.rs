//! Projections: from stored events to the read model, to other systems, and to refetch tasks.

mod batch;
mod broadcast;
mod cache;
mod failure;
mod feed_lane;
mod feed_projector;
mod folder;
mod interface;
mod load;
mod projector;
mod read_model;
mod rebuild;
mod redrive;
mod refetch;
mod registry;
mod transition;

pub use self::broadcast::BroadcastProjection;
pub use self::failure::ProjectionFailure;
pub use self::feed_lane::{CatchUpError, FeedLane};
pub use self::feed_projector::{BackgroundProjector, FeedProjector};
pub use self::folder::StreamFolder;
pub use self::interface::{Projection, ProjectionInput};
pub use self::load::StateLoader;
pub use self::projector::{BatchReport, ParkRequest, Projector, ProjectorPorts, ProjectorSettings, SNAPSHOT_INTERVAL};
pub use self::read_model::ReadModelProjection;
pub use self::rebuild::{StreamRebuildReport, StreamRebuilder};
pub use self::redrive::{RedriveReport, Redriver};
pub use self::refetch::RefetchProjection;
pub use self::registry::{EventPattern, InvalidEventPattern, ProjectionRegistry};
pub use self::transition::{EventWithChange, StateTransition};
