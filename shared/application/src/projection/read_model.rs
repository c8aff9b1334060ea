//! The read-model projection: entities into the search index.

use std::sync::Arc;

use async_trait::async_trait;

use super::failure::ProjectionFailure;
use super::interface::{Projection, ProjectionInput};
use super::transition::StateTransition;
use crate::ports::{Document, IndexOutcome, JobOutcome, ReadModel};

/// Indexes the entities that readers see.
///
/// A document that is in the index in a newer version counts as indexed. A document that the index
/// refuses fails its own record only.
pub struct ReadModelProjection {
    read_model: Arc<dyn ReadModel>,
}

impl ReadModelProjection {
    pub fn new(read_model: Arc<dyn ReadModel>) -> Self {
        Self { read_model }
    }
}

/// The document after a batch; `None` while the record waits for its base.
fn document(transition: &StateTransition) -> Option<Document> {
    let StateTransition { after, entity, schema, .. } = transition;
    after.has_base().then(|| Document::of(Arc::clone(entity), schema.clone()))
}

#[async_trait]
impl Projection for ReadModelProjection {
    fn name(&self) -> &'static str {
        "read_model"
    }

    async fn run(&self, inputs: &[ProjectionInput<'_>]) -> Vec<Result<JobOutcome, ProjectionFailure>> {
        let documents: Vec<Option<Document>> = inputs.iter().map(|input| document(input.transition)).collect();
        let has_document: Vec<bool> = documents.iter().map(Option::is_some).collect();
        let indexed = self.read_model.index(documents.into_iter().flatten().collect()).await;
        let mut indexed = indexed.map(Vec::into_iter);
        let result = |has_document: bool| {
            if !has_document {
                return Ok(JobOutcome::AwaitsBase);
            }
            match &mut indexed {
                Err(error) => Err(ProjectionFailure::of_shared_call(error)),
                Ok(outcomes) => match outcomes.next() {
                    Some(IndexOutcome::Indexed | IndexOutcome::AlreadyNewer) => Ok(JobOutcome::Indexed),
                    Some(IndexOutcome::Refused(reason)) => Err(ProjectionFailure::Poison(reason)),
                    None => Err(ProjectionFailure::Poison("the read model returned no outcome for it".to_owned())),
                },
            }
        };
        has_document.into_iter().map(result).collect()
    }
}
