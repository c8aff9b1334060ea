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
    /// The digest of the definition. Earlier releases wrote and read it as `digest`: they do not continue a rebuild
    /// whose index has a layout that they do not fill.
    #[serde(default, alias = "digest")]
    pub definition: String,
    /// The layout of the new index; 0 in plans of earlier releases, which do not name it.
    #[serde(default)]
    pub layout: u64,
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

    /// Whether the index is filled by the definition that the catalog has now, as this release fills it.
    pub(crate) fn is_current(&self, catalog: &Catalog) -> bool {
        self.is_of(&self.schema(catalog))
    }

    /// Whether the new index is as this release creates one for a schema.
    pub(crate) fn is_of(&self, schema: &EntitySchema) -> bool {
        self.definition == IndexCatalog::digest(schema) && self.layout == IndexCatalog::layout()
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[track_caller]
    fn check(change: impl FnOnce(&mut Value), is_current: bool) {
        let catalog = Catalog::default();
        let mut json = json!({
            "aggregate_type": "invoice__c",
            "from": null,
            "to": "open-invoice__c_index-000001",
            "definition": IndexCatalog::digest(&catalog.open(&EntityName::new("Invoice__c"))),
            "layout": IndexCatalog::layout(),
        });
        change(&mut json);
        let target: RebuildTarget = serde_json::from_value(json.clone()).expect("a target");
        assert_eq!(target.is_current(&catalog), is_current, "{json}");
    }

    #[test]
    fn only_a_target_of_the_definition_and_layout_of_today_is_continued() {
        check(|_| (), true);
        check(|target| target["definition"] = json!("other"), false);
        check(|target| target["layout"] = json!(IndexCatalog::layout() + 1), false);
    }

    #[test]
    fn a_target_of_an_earlier_release_is_read_and_not_continued() {
        let as_before = |target: &mut Value| {
            target["digest"] = target["definition"].take();
            for name in ["definition", "layout"] {
                target.as_object_mut().and_then(|target| target.remove(name));
            }
        };
        check(as_before, false);
    }
}
