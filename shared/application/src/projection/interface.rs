//! What every projection implements.

use async_trait::async_trait;

use super::failure::ProjectionFailure;
use super::transition::StateTransition;
use crate::ports::{JobOutcome, ProjectionJob};

#[derive(Debug)]
pub struct ProjectionInput<'a> {
    pub job: ProjectionJob,
    pub transition: &'a StateTransition,
}

/// A projection: it brings something outside the events up to date with a batch of records.
///
/// A record may come again with the same or with older versions, after an outage or a rebuild.
#[async_trait]
pub trait Projection: Send + Sync {
    fn name(&self) -> &'static str;

    /// Processes records. Returns one result for each input, in the order of the inputs.
    async fn run(&self, inputs: &[ProjectionInput<'_>]) -> Vec<Result<JobOutcome, ProjectionFailure>>;
}
