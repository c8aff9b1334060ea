//! The port `ReadModel` on OpenSearch: which indices a document goes to, and what their results mean for it.
//!
//! A missing index is created from the definition. An index that cannot be created or written refuses its own
//! documents and no others. A document that an index under rebuild refuses is refused, so that no swap loses it.

use std::collections::HashMap;
use std::sync::Arc;

use annals_application::ports::{
    Document, EntityQuery, FoundPage, IndexOutcome, PortError, PortErrorKind, ReadDocument, ReadModel,
};
use annals_domain::definition::EntitySchema;
use annals_domain::identity::AggregateId;
use async_trait::async_trait;

use crate::read_model::bulk::{VersionRule, WriteResult, WriteTarget};
use crate::read_model::index::IndexFailure;
use crate::read_model::open_search::OpenSearch;
use crate::read_model::search::Searcher;

/// Names the indices that get the documents of a schema beside the serving one: those that a rebuild fills. It is
/// asked once for each schema and call, so that an implementation should cache.
#[async_trait]
pub trait DualWriteTargets: Send + Sync {
    /// The names of the indices, as [`crate::read_model::IndexCatalog::create_numbered`] returned them.
    async fn targets(&self, schema: &EntitySchema) -> Result<Vec<String>, PortError>;
}

#[derive(Clone)]
pub struct OpenSearchReadModel {
    search: OpenSearch,
    dual_write: Option<Arc<dyn DualWriteTargets>>,
}

enum SchemaTargets {
    Writable(Vec<WriteTarget>),
    /// The index cannot be used, for this reason.
    Refused(String),
}

/// What was done about missing indices, by the numbers of their documents.
#[derive(Default)]
struct Repair {
    again: Vec<usize>,
    /// The documents whose index cannot be created, and the reason.
    refused: Vec<(usize, String)>,
}

impl OpenSearchReadModel {
    /// Over this connection, without dual writes.
    pub fn new(search: OpenSearch) -> Self {
        Self { search, dual_write: None }
    }

    /// Writes to these targets, too. An index that was deleted meanwhile is skipped, since its rebuild has ended.
    /// One that exists and cannot be written fails the call.
    #[must_use]
    pub fn with_dual_write(self, targets: Arc<dyn DualWriteTargets>) -> Self {
        Self { dual_write: Some(targets), ..self }
    }

    pub(super) fn searcher(&self) -> &Searcher {
        self.search.searcher()
    }

    async fn targets(&self, documents: &[Document]) -> Result<Vec<(EntitySchema, SchemaTargets)>, PortError> {
        let mut all: Vec<(EntitySchema, SchemaTargets)> = Vec::new();
        for Document { schema, .. } in documents {
            if all.iter().any(|(other, _)| other == schema) {
                continue;
            }
            let targets = match self.targets_of(schema).await {
                Ok(targets) => SchemaTargets::Writable(targets),
                Err(failure) => SchemaTargets::Refused(failure.refusal()?),
            };
            all.push((schema.clone(), targets));
        }
        Ok(all)
    }

    /// The targets of a schema, the serving index first. It is created where it is missing.
    async fn targets_of(&self, schema: &EntitySchema) -> Result<Vec<WriteTarget>, IndexFailure> {
        let indices = self.search.indices();
        if indices.serving(schema).await?.is_none() {
            indices.create_serving(schema, false).await?;
        }
        let mut targets = vec![WriteTarget::Serving(indices.alias(schema))];
        if let Some(dual_write) = &self.dual_write {
            targets.extend(dual_write.targets(schema).await?.into_iter().map(WriteTarget::Filling));
        }
        Ok(targets)
    }

    /// Creates missing serving indices again, and skips missing indices of rebuilds.
    async fn repair(&self, missing: &[(usize, WriteTarget)], documents: &[Document]) -> Result<Repair, PortError> {
        let mut repair = Repair::default();
        let mut repaired: HashMap<&WriteTarget, Option<String>> = HashMap::new();
        for (number, target) in missing {
            let refusal = match repaired.get(target) {
                Some(refusal) => refusal.clone(),
                None => self.repair_target(target, &documents[*number].schema).await?,
            };
            match (target, &refusal) {
                (WriteTarget::Filling(_), _) => {}
                (WriteTarget::Serving(_), None) => repair.again.push(*number),
                (WriteTarget::Serving(_), Some(reason)) => repair.refused.push((*number, reason.clone())),
            }
            repaired.insert(target, refusal);
        }
        Ok(repair)
    }

    /// Repairs one target. Returns the reason where its index cannot be created.
    async fn repair_target(&self, target: &WriteTarget, schema: &EntitySchema) -> Result<Option<String>, PortError> {
        let indices = self.search.indices();
        match target {
            WriteTarget::Serving(alias) => {
                indices.forget(alias);
                let created = indices.create_serving(schema, true).await;
                created.err().map(IndexFailure::refusal).transpose()
            }
            WriteTarget::Filling(index) => indices.confirm_deleted(index).await.map(|()| None),
        }
    }

    /// Writes some of the documents once more, after their index was created again.
    async fn write_again(
        &self,
        numbers: Vec<usize>,
        documents: &[Document],
        targets: &[&[WriteTarget]],
        outcomes: &mut [Option<IndexOutcome>],
    ) -> Result<(), PortError> {
        if numbers.is_empty() {
            return Ok(());
        }
        let (documents, targets): (Vec<Document>, Vec<&[WriteTarget]>) =
            numbers.iter().map(|number| (documents[*number].clone(), targets[*number])).unzip();
        let result = self.search.writer().write(&documents, &targets, VersionRule::Newer).await?;
        let mut missing = result.missing.iter().map(|(_, target)| target);
        if let Some(target) = missing.find(|target| matches!(target, WriteTarget::Serving(_))) {
            let message = "the index was created, and is deleted again";
            return Err(PortError::new(PortErrorKind::Unavailable, target.name(), message));
        }
        for (number, outcome) in numbers.into_iter().zip(result.outcomes) {
            outcomes[number] = outcome;
        }
        Ok(())
    }
}

impl SchemaTargets {
    fn writable(&self) -> &[WriteTarget] {
        match self {
            Self::Writable(targets) => targets,
            Self::Refused(_) => &[],
        }
    }
}

#[async_trait]
impl ReadModel for OpenSearchReadModel {
    async fn index(&self, documents: Vec<Document>) -> Result<Vec<IndexOutcome>, PortError> {
        let all = self.targets(&documents).await?;
        let of_schema = |schema: &EntitySchema| all.iter().find(|(other, _)| other == schema).map(|(_, t)| t);
        let of_each: Vec<Option<&SchemaTargets>> =
            documents.iter().map(|document| of_schema(&document.schema)).collect();
        let targets: Vec<&[WriteTarget]> =
            of_each.iter().map(|targets| targets.map_or(&[][..], SchemaTargets::writable)).collect();
        let written = self.search.writer().write(&documents, &targets, VersionRule::Newer).await?;
        let WriteResult { mut outcomes, missing } = written;
        let Repair { again, refused } = self.repair(&missing, &documents).await?;
        for (number, reason) in refused {
            outcomes[number] = Some(IndexOutcome::Refused(reason));
        }
        self.write_again(again, &documents, &targets, &mut outcomes).await?;
        let not_written = |targets: Option<&SchemaTargets>| match targets {
            Some(SchemaTargets::Refused(reason)) => IndexOutcome::Refused(reason.clone()),
            _ => IndexOutcome::Refused("the response has no result for this document".to_owned()),
        };
        let outcomes = outcomes.into_iter().zip(of_each);
        Ok(outcomes.map(|(outcome, targets)| outcome.unwrap_or_else(|| not_written(targets))).collect())
    }

    async fn get(&self, schema: &EntitySchema, id: AggregateId) -> Result<Option<ReadDocument>, PortError> {
        self.search.searcher().get(schema, id).await
    }

    async fn search(&self, query: &EntityQuery) -> Result<FoundPage, PortError> {
        self.search.searcher().search(query).await
    }

    async fn count(&self, query: &EntityQuery) -> Result<u64, PortError> {
        self.search.searcher().count(query).await
    }
}
