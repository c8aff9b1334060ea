//! The entity types that a caller may read.

use std::sync::Arc;

use annals_domain::definition::Catalog;

/// The scope `read:clients` has this in front of its type.
const READ: &str = "read:";

/// The entity types that a caller may read: all, if no scope names one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReadScope(Option<Arc<[String]>>);

impl ReadScope {
    /// The types that scopes such as `read:clients` name: by plural, singular or the provider's object.
    pub fn of_scopes<'a>(scopes: impl IntoIterator<Item = &'a str>) -> Self {
        let types: Vec<String> = scopes.into_iter().filter_map(type_of).map(str::to_owned).collect();
        Self((!types.is_empty()).then(|| types.into()))
    }

    /// Whether entities of a type may be read, by any of its names.
    pub(crate) fn allows(&self, catalog: &Catalog, entity_type: &str) -> bool {
        let Some(types) = &self.0 else { return true };
        types.iter().any(|allowed| canonical(catalog, allowed) == canonical(catalog, entity_type))
    }
}

/// The scope to read a type.
pub(crate) fn scope_of(entity_type: &str) -> String {
    format!("{READ}{entity_type}")
}

/// The type that a scope names; `None` if it is another scope.
pub(crate) fn type_of(scope: &str) -> Option<&str> {
    scope.strip_prefix(READ).filter(|name| !name.is_empty())
}

/// One name for all names of a type. An object without a definition has its name in any case.
fn canonical(catalog: &Catalog, name: &str) -> String {
    let definition = catalog.named(name);
    definition.map_or_else(|| name.to_lowercase(), |definition| definition.aggregate_type.to_string())
}

#[cfg(test)]
mod tests {
    use annals_domain::provider_adapter::{ProviderAdapter, ProviderAdapters};

    use super::*;

    #[track_caller]
    fn check(scopes: &[&str], allowed: &[&str], refused: &[&str]) {
        let adapter: Arc<dyn ProviderAdapter> = Arc::new(annals_crm::salesforce::Salesforce::new(None));
        let catalog = Catalog::built_in(&ProviderAdapters::new([adapter])).unwrap();
        let scope = ReadScope::of_scopes(scopes.iter().copied());
        for (types, expected) in [(allowed, true), (refused, false)] {
            for name in types {
                assert_eq!(scope.allows(&catalog, name), expected, "{name} by {scopes:?}");
            }
        }
    }

    #[test]
    fn a_scope_names_a_type_by_any_of_its_names() {
        check(&["read:clients"], &["clients", "client", "Account"], &["deals", "Clients", "invoice__c", ""]);
        check(&["read:Account", "read:deal"], &["clients", "client", "deals"], &["contracts"]);
        check(&["read:invoice__c"], &["Invoice__c", "invoice__c"], &["clients"]);
    }

    #[test]
    fn without_such_a_scope_all_types_may_be_read() {
        check(&[], &["clients", "invoice__c"], &[]);
        check(&["admin", "email", "read", "read:"], &["clients", "deals"], &[]);
    }
}
