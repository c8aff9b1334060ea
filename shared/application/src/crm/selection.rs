//! Which fields of an object are read.
//!
//! Those that the definition reads, as far as the CRM shows them; of an object without a definition, all. Derived from a
//! description that was made just before, since fields appear and vanish.

use std::collections::BTreeSet;

use annals_domain::definition::{EntitySchema, Field, OperationInput};
use annals_domain::identity::EntityName;
use annals_domain::path::Path;
use annals_domain::provider_adapter::ProviderAdapter;

use crate::ports::ObjectDescription;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    pub object: EntityName,
    /// By the names that the CRM reads them by.
    pub fields: Vec<String>,
    /// The calculated fields among them: by the CRM's description, or by the definition.
    pub calculated: BTreeSet<Path>,
    /// The fields that the definition reads and the CRM does not show.
    pub lacking: Vec<Path>,
    /// All that the CRM shows.
    shown: BTreeSet<Path>,
}

impl Selection {
    pub fn new(
        object: &EntityName,
        description: &ObjectDescription,
        schema: &EntitySchema,
        adapter: &dyn ProviderAdapter,
    ) -> Self {
        let wanted = wanted(schema, adapter);
        let is_wanted = |path: &Path| wanted.as_ref().is_none_or(|wanted| wanted.iter().any(|one| one.overlaps(path)));
        let named = named_as_calculated(schema, adapter);
        let mut selection = Self {
            object: object.clone(),
            fields: Vec::new(),
            calculated: BTreeSet::new(),
            lacking: Vec::new(),
            shown: BTreeSet::new(),
        };
        for field in description.fields.iter().filter(|field| !field.is_compound) {
            let path = adapter.canonical_path(object, &field.name);
            if is_wanted(&path) {
                selection.fields.push(field.name.clone());
                let is_calculated = field.is_calculated || named.iter().any(|one| one.overlaps(&path));
                selection.calculated.extend(is_calculated.then(|| path.clone()));
            }
            selection.shown.insert(path);
        }
        selection.lacking = wanted.into_iter().flatten().filter(|path| !selection.shows(path)).collect();
        selection
    }

    /// Whether the CRM shows the field at a path, or a part of it.
    pub fn shows(&self, path: &Path) -> bool {
        self.shown.iter().any(|shown| shown.overlaps(path))
    }

    /// The same with the fields at these paths, and those of the paths that the CRM does not show.
    pub fn widened(
        &self,
        description: &ObjectDescription,
        paths: &BTreeSet<Path>,
        adapter: &dyn ProviderAdapter,
    ) -> (Self, BTreeSet<Path>) {
        let mut widened = self.clone();
        let mut hidden = paths.clone();
        for field in description.fields.iter().filter(|field| !field.is_compound) {
            let path = adapter.canonical_path(&self.object, &field.name);
            let asked = paths.iter().filter(|asked| asked.overlaps(&path)).count();
            if asked == 0 {
                continue;
            }
            hidden.retain(|asked| !asked.overlaps(&path));
            if !widened.fields.contains(&field.name) {
                widened.fields.push(field.name.clone());
                widened.calculated.extend(field.is_calculated.then_some(path));
            }
        }
        (widened, hidden)
    }
}

/// The paths that a definition reads of a provider's records; `None` for all.
fn wanted(schema: &EntitySchema, adapter: &dyn ProviderAdapter) -> Option<BTreeSet<Path>> {
    Some(paths_of(schema.definition()?.fields.iter(), adapter))
}

/// The paths that a definition names as calculated, though no description may say so: rule 13 of reading CRMs.
fn named_as_calculated(schema: &EntitySchema, adapter: &dyn ProviderAdapter) -> BTreeSet<Path> {
    let Some(definition) = schema.definition() else { return BTreeSet::new() };
    paths_of(definition.sync.calculated.iter().filter_map(|name| definition.field(name)), adapter)
}

fn paths_of<'a>(fields: impl Iterator<Item = &'a Field>, adapter: &dyn ProviderAdapter) -> BTreeSet<Path> {
    let operations = fields.filter_map(|field| field.sources.get(&adapter.provider()));
    let path = |input: &OperationInput| match input {
        OperationInput::Path(path) => Some(path.clone()),
        OperationInput::ExternalId | OperationInput::IsDeleted => None,
    };
    operations.flat_map(|operation| operation.inputs()).filter_map(path).collect()
}
