//! The operations that are about no entity type: change events, the quarantine, backfills and the installation.

use std::collections::BTreeSet;

use annals_domain::definition::Catalog;
use annals_domain::identity::Provider;
use serde_json::{Value, json};

use super::operation::{Operation, Tag};
use super::schema::{names, reference};
use super::{example, fixed_schemas, parameter};
use crate::events::{CORRELATION_ID, MAX_BODY_BYTES, MAX_CORRELATION_ID_LENGTH};
use crate::problem::ProblemKind;
use crate::quarantine::STATES;
use crate::route::Route;

/// All of them, each with its path.
pub(super) fn operations(catalog: &Catalog) -> Vec<(String, Operation)> {
    let operation = |route: Route| match route {
        Route::Ingest => Some(ingest(catalog)),
        Route::ListQuarantine => Some(list_quarantine()),
        Route::GetQuarantined => Some(quarantined()),
        Route::Redrive => Some(redrive()),
        Route::Dismiss => Some(dismiss()),
        Route::StartBackfill => Some(start_backfill(catalog)),
        Route::BackfillStatus => Some(backfill(catalog, route, "getBackfill", "The newest job of a type")),
        Route::PauseBackfill => {
            Some(backfill(catalog, route, "pauseBackfill", "Pauses the running job").problems([ProblemKind::Conflict]))
        }
        Route::ResumeBackfill => {
            Some(backfill(catalog, route, "resumeBackfill", "Resumes a paused job").problems([ProblemKind::Conflict]))
        }
        Route::CancelBackfill => {
            Some(backfill(catalog, route, "cancelBackfill", "Cancels a job").problems([ProblemKind::Conflict]))
        }
        Route::Health => Some(health()),
        Route::OpenApi => Some(document()),
        // They have an operation for each type.
        Route::ListEntities | Route::CountEntities | Route::GetEntity | Route::History | Route::Diff => None,
    };
    let described = |route: Route| Some((route.path().to_owned(), operation(route)?));
    Route::ALL.into_iter().filter_map(described).collect()
}

fn ingest(catalog: &Catalog) -> Operation {
    let mut providers: BTreeSet<Provider> =
        catalog.definitions().iter().flat_map(|definition| definition.objects.keys().copied()).collect();
    if providers.is_empty() {
        providers.extend(Provider::ALL);
    }
    let id = format!("[!-~]{{1,{MAX_CORRELATION_ID_LENGTH}}}");
    let content = json!({"schema": reference("IngestBody"), "examples": example::bodies()});
    let description = format!("One change event, or an array of them, in at most {MAX_BODY_BYTES} bytes.");
    let entity = |place: &str| format!("$response.body#/results/0/{place}");
    Operation::new(Route::Ingest, "ingestEvents", Tag::Events, "Stores change events")
        .parameters([
            parameter::path("provider", "The CRM that sent them.", names(providers.into_iter().map(Provider::as_str))),
            parameter::header(CORRELATION_ID, "Correlates the events with others.", super::schema::pattern(&id)),
        ])
        .body(json!({"required": true, "description": description, "content": {"application/json": content}}))
        .responds(200, "What became of each record's change, in the order of the body", reference("IngestResult"))
        .problems([
            ProblemKind::InvalidBody,
            ProblemKind::UnknownProvider,
            ProblemKind::TooLarge,
            ProblemKind::NotRecognised,
        ])
        .link("getEntity", json!({"type": entity("aggregate_type"), "id": entity("aggregate_id")}))
        .link("getEntityHistory", json!({"type": entity("aggregate_type"), "id": entity("aggregate_id")}))
        .link("getQuarantined", json!({"id": entity("quarantine_id")}))
}

fn list_quarantine() -> Operation {
    let state = parameter::query("state", "Only inputs in this state.", names(STATES.map(|(name, _)| name)));
    let id = || json!({"id": "$response.body#/results/0/id"});
    Operation::new(
        Route::ListQuarantine,
        "listQuarantine",
        Tag::Quarantine,
        "A page of the quarantined inputs, the newest first",
    )
    .parameters([state, parameter::page(), parameter::page_size(), parameter::cursor()])
    .responds(200, "A page", reference("QuarantinePage"))
    .link("getQuarantined", id())
    .link("redriveQuarantined", id())
    .link("dismissQuarantined", id())
}

fn of_quarantined(route: Route, id: &str, summary: &str) -> Operation {
    let schema = fixed_schemas::pattern_of_id();
    let operation = Operation::new(route, id, Tag::Quarantine, summary);
    operation.parameters([parameter::path("id", "The id of the input.", schema)]).problems([ProblemKind::NotFound])
}

fn quarantined() -> Operation {
    of_quarantined(Route::GetQuarantined, "getQuarantined", "One quarantined input").responds(
        200,
        "The input",
        reference("QuarantinedInput"),
    )
}

fn redrive() -> Operation {
    of_quarantined(Route::Redrive, "redriveQuarantined", "Processes an input again")
        .responds(200, "What became of each record's change", reference("IngestResult"))
        .problems([ProblemKind::UnknownProvider])
}

fn dismiss() -> Operation {
    let operation =
        of_quarantined(Route::Dismiss, "dismissQuarantined", "Dismisses an input: it is kept, and not processed");
    operation.responds_with(204, json!({"description": "It is dismissed"}))
}

fn backfill(catalog: &Catalog, route: Route, id: &str, summary: &str) -> Operation {
    Operation::new(route, id, Tag::Backfill, summary)
        .parameters([type_to_read(catalog)])
        .responds(200, "The job", reference("BackfillJob"))
        .problems([ProblemKind::NotFound, ProblemKind::UnknownType])
}

/// The type whose records are read.
fn type_to_read(catalog: &Catalog) -> Value {
    let description = "The plural, the singular or the provider's object.";
    let parameter = parameter::path("type", description, json!({"type": "string", "minLength": 1}));
    let example = catalog.definitions().first().map(|definition| definition.plural.as_str().into());
    parameter::with_example(parameter, example)
}

fn start_backfill(catalog: &Catalog) -> Operation {
    let path = || json!({"type": "$request.path.type"});
    let summary = "Starts reading the records of a type from their CRM";
    let start = Operation::new(Route::StartBackfill, "startBackfill", Tag::Backfill, summary)
        .parameters([type_to_read(catalog)])
        .body(json!({"content": {"application/json": {"schema": reference("BackfillRequest")}}}))
        .responds(202, "The job", reference("BackfillJob"))
        .problems([ProblemKind::InvalidBody, ProblemKind::UnknownType, ProblemKind::TooLarge, ProblemKind::Conflict]);
    let targets = ["getBackfill", "pauseBackfill", "resumeBackfill", "cancelBackfill"];
    targets.into_iter().fold(start, |start, target| start.link(target, path()))
}

fn health() -> Operation {
    let summary = "Whether each dependency works, and how far the index lags";
    Operation::new(Route::Health, "getHealth", Tag::Installation, summary).responds(
        200,
        "The report",
        reference("HealthReport"),
    )
}

fn document() -> Operation {
    let schema: Value = json!({"type": "object"});
    Operation::new(Route::OpenApi, "getOpenApi", Tag::Installation, "This document")
        .responds(200, "The document", schema)
        .tagged("Changes with the document.")
}
