//! The read-model projection: entities into the search index.
//!
//! Promises that a document already newer is success, and that a document which the index refuses
//! fails its own record only.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Projection, ProjectionFailure, ProjectionInput, StateTransition};
use crate::ports::{Document, IndexOutcome, JobOutcome, PortError, ReadModel};

/// Indexes entities that show.
pub struct ReadModelProjection {
    read_model: Arc<dyn ReadModel>,
}

impl ReadModelProjection {
    /// Into that read model.
    pub fn new(read_model: Arc<dyn ReadModel>) -> Self {
        Self { read_model }
    }
}

/// The document of a record behind a batch; `None` where it waits for its base.
pub fn document_of(progress: &StateTransition) -> Option<Document> {
    progress.after.has_base().then(|| Document::of(Arc::clone(&progress.entity), progress.schema.clone()))
}

#[async_trait]
impl Projection for ReadModelProjection {
    fn name(&self) -> &'static str {
        "read_model"
    }

    async fn run(&self, inputs: &[ProjectionInput<'_>]) -> Vec<Result<JobOutcome, ProjectionFailure>> {
        let documents: Vec<Option<Document>> = inputs.iter().map(|input| document_of(input.progress)).collect();
        let shown: Vec<bool> = documents.iter().map(Option::is_some).collect();
        let indexed = self.read_model.index(documents.into_iter().flatten().collect()).await;
        let mut indexed = indexed.map(Vec::into_iter);
        let answer = |is_shown: bool| {
            if !is_shown {
                return Ok(JobOutcome::AwaitsBase);
            }
            match &mut indexed {
                Err(error) => Err(repeated(error).into()),
                Ok(outcomes) => match outcomes.next() {
                    Some(IndexOutcome::Indexed | IndexOutcome::AlreadyNewer) => Ok(JobOutcome::Indexed),
                    Some(IndexOutcome::Refused(reason)) => Err(ProjectionFailure::Poison(reason)),
                    None => Err(ProjectionFailure::Poison("the read model did not answer for it".to_owned())),
                },
            }
        };
        shown.into_iter().map(answer).collect()
    }
}

/// One failure of a call is the failure of each record in it.
pub(super) fn repeated(error: &PortError) -> PortError {
    PortError::new(error.kind, error.resource.clone(), error.message.clone())
}
