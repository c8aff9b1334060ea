//! One entity type of a rebuild: its old and its new index.

use std::sync::Arc;

use annals_application::ports::PortError;
use annals_domain::definition::{Catalog, EntitySchema};
use annals_domain::identity::{EntityName, Provider};
use serde::{Deserialize, Serialize};

use crate::read_model::{IndexCatalog, OpenSearch};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RebuildTarget {
    pub aggregate_type: String,
    /// The index that serves readers until the end; `None` where there was none.
    pub from: Option<String>,
    pub to: String,
    #[serde(default)]
    pub digest: String,
}

/// The result of a rebuild for one entity type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetReport {
    pub aggregate_type: String,
    /// The old index and the number of its documents.
    pub before: Option<(String, u64)>,
    /// The new index and the number of its documents.
    pub after: (String, u64),
}

impl RebuildTarget {
    /// Whether the index may hold records of an object, of whichever provider.
    pub(crate) fn may_hold(&self, object: &EntityName, catalog: &Catalog) -> bool {
        let is_its = |provider| catalog.schema(provider, object).aggregate_type().as_str() == self.aggregate_type;
        Provider::ALL.into_iter().any(is_its)
    }

    pub(crate) fn schema(&self, catalog: &Catalog) -> EntitySchema {
        let named = catalog.named(&self.aggregate_type);
        named.map_or_else(
            || catalog.open(&EntityName::new(self.aggregate_type.as_str())),
            |definition| EntitySchema::Defined(Arc::clone(definition)),
        )
    }

    /// Whether the index is filled by the definition that the catalog has now.
    pub(crate) fn is_current(&self, catalog: &Catalog) -> bool {
        self.digest == IndexCatalog::digest(&self.schema(catalog))
    }

    /// Counts the documents of both indices, before the alias moves.
    pub(crate) async fn report(&self, search: &OpenSearch) -> Result<TargetReport, PortError> {
        search.indices().refresh(&self.to).await?;
        let before = match &self.from {
            Some(from) => Some((from.clone(), search.searcher().count_all(from).await?)),
            None => None,
        };
        let after = (self.to.clone(), search.searcher().count_all(&self.to).await?);
        Ok(TargetReport { aggregate_type: self.aggregate_type.clone(), before, after })
    }
}
