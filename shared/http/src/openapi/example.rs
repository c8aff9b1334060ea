//! Examples, from the sample change events.

use annals_domain::definition::EntityDefinition;
use annals_domain::identity::Provider;
use serde_json::{Map, Value, json};

/// A sample of each object, in different forms.
const SAMPLES: [(&str, &str); 6] = [
    (
        "a client is created, as EventBridge relays it",
        include_str!("../../../../events/ingest/salesforce/01-client-created.json"),
    ),
    (
        "a platform is created, as Pub/Sub clients decode it",
        include_str!("../../../../events/ingest/salesforce/16-platform-created.json"),
    ),
    (
        "subservices are created, in an array",
        include_str!("../../../../events/ingest/salesforce/20-subservices-created-in-array.json"),
    ),
    (
        "a contract is created, as AppFlow relays it",
        include_str!("../../../../events/ingest/salesforce/22-contract-created.json"),
    ),
    (
        "a deal is created, without an envelope",
        include_str!("../../../../events/ingest/salesforce/24-deal-created.json"),
    ),
    (
        "services are created, in an array",
        include_str!("../../../../events/ingest/salesforce/29-services-created-in-array.json"),
    ),
];

/// The samples as examples of a body.
pub(super) fn bodies() -> Map<String, Value> {
    let names = SAMPLES.iter().map(|(summary, _)| *summary);
    let example = |(summary, body): (&str, Value)| {
        let name = summary.split(',').next().unwrap_or(summary).replace(' ', "-");
        (name, json!({"summary": summary, "value": body}))
    };
    names.zip(samples()).map(example).collect()
}

/// The id of a record of an object that a definition names.
pub(super) fn id_of(definition: &EntityDefinition) -> Option<Value> {
    let object = definition.objects.get(&Provider::Salesforce)?;
    let headers: Vec<Value> = samples().filter_map(|sample| header(&sample).cloned()).collect();
    let header = headers.iter().find(|header| header["entityName"] == object.as_str())?;
    header["recordIds"].get(0).cloned()
}

fn samples() -> impl Iterator<Item = Value> {
    SAMPLES.iter().filter_map(|(_, text)| serde_json::from_str(text).ok())
}

/// The header of a change event, or of the first in an array, in any of its forms.
fn header(input: &Value) -> Option<&Value> {
    let first = input.get(0).unwrap_or(input);
    let places = [
        "/ChangeEventHeader",
        "/payload/ChangeEventHeader",
        "/detail/ChangeEventHeader",
        "/detail/payload/ChangeEventHeader",
    ];
    places.into_iter().find_map(|place| first.pointer(place))
}
