//! The OpenAPI document of the API, and the JSON Schemas of published events.
//!
//! Both are made from what is served: the declared routes, the entity definitions, and the kinds of problems. The
//! document is the same in every function, whichever routes it serves. Examples are what the server answers to the sample
//! change events, recorded by a test.

mod entity_operations;
mod entity_schema;
mod event_operations;
mod event_schema;
mod example;
mod filter_schema;
mod fixed_schemas;
mod history_schema;
mod operation;
mod parameter;
mod pattern;
mod published_event;
mod recorded;
mod schema;

use std::sync::{Arc, OnceLock};

use annals_domain::definition::Catalog;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use self::entity_operations::EntityTypes;
pub use self::published_event::published_event_schemas;
use self::recorded::RecordedAnswers;
use crate::QueryApi;
use crate::etag::ETag;
use crate::guard::GuardedRoutes;
use crate::problem::Problem;
use crate::route::Route;

const DESCRIPTION: &str = "\
The state and the history of every record of your CRMs.

Errors are `application/problem+json` (RFC 9457) and name what is expected. Timestamps are RFC 3339 in UTC; decimals, and \
integers beyond 2^53, are strings. `next` of a page is the URL of the next one. Every route takes a trailing slash.";

/// `GET /openapi.json`.
pub(crate) fn routes(api: &Arc<QueryApi>) -> Router {
    let document = ServedDocument { catalog: Arc::clone(api.queries.catalog()), made: Arc::default() };
    GuardedRoutes::new().with(Route::OpenApi, serve).into_router().with_state(document)
}

/// The document, made at the first request: most processes of a function are never asked for it.
#[derive(Clone)]
struct ServedDocument {
    catalog: Arc<Catalog>,
    made: Arc<OnceLock<(Bytes, ETag)>>,
}

async fn serve(State(document): State<ServedDocument>, headers: HeaderMap) -> Result<Response, Problem> {
    let (bytes, tag) = document.made.get_or_init(|| {
        let text = openapi_document(&document.catalog).to_string();
        let tag = ETag::new(&URL_SAFE_NO_PAD.encode(Sha256::digest(&text)));
        (text.into(), tag)
    });
    tag.clone().respond(&headers, bytes.clone())
}

/// The OpenAPI 3.1 document of the API with these entity definitions.
pub fn openapi_document(catalog: &Catalog) -> Value {
    let types = EntityTypes::of(catalog);
    let answers = RecordedAnswers::of(catalog);
    let mut paths = Map::new();
    let mut responses = Map::new();
    for (path, operation) in types.operations().into_iter().chain(event_operations::operations(catalog)) {
        responses.extend(operation.problem_responses(&answers));
        let item = paths.entry(path).or_insert_with(|| json!({}));
        let verb = operation.route.verb();
        item[verb.name()] = operation.into_json(&answers);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Annals",
            "version": env!("CARGO_PKG_VERSION"),
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": operation::tags(),
        "paths": paths,
        "components": {
            "schemas": schemas(&types),
            "responses": responses,
            "securitySchemes": operation::security_schemes(),
        },
    })
}

fn schemas(types: &EntityTypes) -> Map<String, Value> {
    let fixed = fixed_schemas::all().into_iter().map(|(name, schema)| (name.to_owned(), schema));
    types.schemas().chain(history_schema::of_values(types.definitions())).chain(fixed).collect()
}

#[cfg(test)]
mod tests;
