//! The objects that the definitions read: whether they and their fields can be read, and whether their changes are
//! captured.

use std::collections::BTreeSet;

use annals_application::ports::{CrmClient as _, CrmErrorKind, ObjectDescription};
use annals_domain::definition::{Catalog, EntityDefinition, OperationInput};
use annals_domain::identity::{EntityName, Provider};
use annals_domain::path::Path;
use annals_domain::provider_adapter::{ProviderAdapter, ProviderAdapters};
use annals_salesforce::SalesforceClient;

use super::org::remedy;
use crate::doctor::Check;

const CAPTURE: &str = "Setup, Change Data Capture: select it; without, only scheduled reads see its changes";

pub(super) async fn checks(client: &SalesforceClient, catalog: &Catalog, adapters: &ProviderAdapters) -> Vec<Check> {
    let Some(adapter) = adapters.get(Provider::Salesforce) else { return Vec::new() };
    let (mut checks, mut captured) = (Vec::new(), Vec::new());
    let events = client.captured_objects().await;
    for definition in catalog.definitions() {
        let Some(object) = definition.objects.get(&Provider::Salesforce) else { continue };
        checks.push(fields(client, object, definition, &**adapter).await);
        captured.push(match &events {
            Ok(Some(names)) if names.iter().any(|name| name == object.as_str()) => {
                Check::ok(format!("{object} changes"), "captured")
            }
            Ok(Some(_)) => Check::warning(format!("{object} changes"), "not captured", CAPTURE),
            Ok(None) => Check::unknown(
                format!("{object} changes"),
                "this user may not read PlatformEventChannelMember: see Setup, Change Data Capture",
            ),
            Err(error) => Check::unknown(format!("{object} changes"), error.to_string()),
        });
    }
    checks.extend(captured);
    checks
}

async fn fields(
    client: &SalesforceClient,
    object: &EntityName,
    definition: &EntityDefinition,
    adapter: &dyn ProviderAdapter,
) -> Check {
    let name = format!("{object} fields");
    let description = match client.describe(object).await {
        Ok(description) => description,
        Err(error) if error.kind == CrmErrorKind::ObjectMissing => {
            let remedy = format!(
                "give the user read access to it, or leave `{}` out of the definitions",
                definition.aggregate_type
            );
            return Check::wrong(name, format!("{object} does not exist, or this user may not read it"), remedy);
        }
        Err(error) => return Check::wrong(name, error.to_string(), remedy(&error)),
    };
    let missing = missing(object, definition, &description, adapter);
    if missing.is_empty() {
        return Check::ok(name, format!("all that {} needs can be read", definition.plural));
    }
    let found = format!("not there, or hidden from this user: {}", missing.join(", "));
    let remedy = format!("{} work without; show the fields to the user by its permission set", definition.plural);
    Check::warning(name, found, remedy)
}

/// The inputs of fields of which the org shows none.
fn missing(
    object: &EntityName,
    definition: &EntityDefinition,
    description: &ObjectDescription,
    adapter: &dyn ProviderAdapter,
) -> Vec<String> {
    let shown: BTreeSet<Path> =
        description.fields.iter().map(|field| adapter.canonical_path(object, &field.name)).collect();
    let is_shown = |input: &OperationInput| match input {
        OperationInput::Path(path) => shown.contains(path),
        OperationInput::ExternalId | OperationInput::IsDeleted => true,
    };
    let operations = definition.fields.iter().filter_map(|field| field.sources.get(&adapter.provider()));
    let unseen = operations.filter(|operation| !operation.inputs().iter().any(is_shown));
    let names = unseen.flat_map(|operation| operation.inputs()).filter_map(|input| match input {
        OperationInput::Path(path) => Some(path.as_str().to_owned()),
        OperationInput::ExternalId | OperationInput::IsDeleted => None,
    });
    names.collect::<BTreeSet<_>>().into_iter().collect()
}
