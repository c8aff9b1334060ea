//! Examples, from the sample change events.

use annals_domain::definition::EntityDefinition;
use annals_domain::identity::Provider;
use serde_json::{Map, Value, json};

/// A sample of each object, in different forms.
const SAMPLES: [(&str, &str); 7] = [
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
    (
        "a contact and a royalty run are created, which have no definition",
        include_str!("../../../../events/ingest/salesforce/37-contact-and-royalty-run-created.json"),
    ),
];

const OPEN_OBJECT: &str = "Contact";

/// The samples as examples of a body.
pub(super) fn bodies() -> Map<String, Value> {
    let names = SAMPLES.iter().map(|(summary, _)| *summary);
    let example = |(summary, body): (&str, Value)| {
        let name = summary.split(',').next().unwrap_or(summary).replace(' ', "-");
        (name, json!({"summary": summary, "value": body}))
    };
    names.zip(samples()).map(example).collect()
}

/// The type of an object without a definition, in its own words.
pub(super) const OPEN_TYPE: &str = "contact";

/// The id of a record of the type; without a definition, of [`OPEN_TYPE`].
pub(super) fn id_of(definition: Option<&EntityDefinition>) -> Option<Value> {
    let object = match definition {
        Some(definition) => definition.objects.get(&Provider::Salesforce)?.as_str(),
        None => OPEN_OBJECT,
    };
    let headers: Vec<Value> = samples().filter_map(|sample| header(&sample).cloned()).collect();
    let header = headers.iter().find(|header| header["entityName"] == object)?;
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
