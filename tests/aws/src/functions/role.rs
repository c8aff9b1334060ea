//! A function's role, as the template has it, between the function and its tables and indices.
//!
//! Promises that a request which the role does not allow is refused as AWS would refuse it: whatever a test
//! has a function do, its rights suffice for. What announces, and what a test leads past by an endpoint of its
//! own, is not looked at.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use crate::template::{Statement, Template};
use annals_lambda::settings::Function;
use annals_services::{Fault, Match, Proxy, RecordedRequest, Rule};
use axum::http::StatusCode;
use serde_json::Value;

/// The rights of each role, by the function's name, where OpenSearch is a domain of the account.
static RIGHTS: LazyLock<BTreeMap<&str, Arc<Vec<Statement>>>> = LazyLock::new(|| {
    let stack = Template::read().with(&[("OpenSearch", "domain")]);
    let roles = [
        (Function::Ingest, "IngestRole"),
        (Function::Projection, "ProjectionRole"),
        (Function::Query, "QueryRole"),
        (Function::Backfill, "BackfillRole"),
    ];
    roles.map(|(function, role)| (function.name(), Arc::new(stack.rights(role)))).into()
});

/// The names by which the template knows what a test has made.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    pub(crate) events_table: String,
    pub(crate) state_table: String,
}

/// What a function's requests go through.
pub(crate) struct Role {
    pub(crate) dynamodb: Proxy,
    pub(crate) opensearch: Proxy,
}

impl Role {
    pub(crate) fn of(function: Function, names: Names, dynamodb: &str, opensearch: &str) -> Self {
        let (rights, dynamodb) = (Arc::clone(&RIGHTS[function.name()]), Proxy::start(dynamodb));
        let may = Arc::clone(&rights);
        let is_refused =
            move |request: &RecordedRequest| !of_tables(request, &names).iter().all(|wanted| allows(&may, wanted));
        dynamodb.rule(Rule::always(Match::when(is_refused), Fault::access_denied()));
        let opensearch = Proxy::start(opensearch);
        let is_refused = move |request: &RecordedRequest| !allows(&rights, &of_indices(request));
        let denial = r#"{"Message":"User is not authorized to perform this action on this resource"}"#;
        let denied = Fault::answer(StatusCode::FORBIDDEN, "application/json", denial);
        opensearch.rule(Rule::always(Match::when(is_refused), denied));
        Self { dynamodb, opensearch }
    }

    /// Keeps nothing of the requests that it let through: a test may make many.
    pub(crate) fn forget(&self) {
        self.dynamodb.clear();
        self.opensearch.clear();
    }
}

/// An action, and the resource it is done to.
type Wanted = (String, String);

fn allows(rights: &[Statement], (action, resource): &Wanted) -> bool {
    let reached = |allows: bool| rights.iter().any(|it| it.allows == allows && it.reaches(action, resource));
    reached(true) && !reached(false)
}

/// What a request to DynamoDB asks for. A transaction asks for the right of each of its parts.
fn of_tables(request: &RecordedRequest, names: &Names) -> Vec<Wanted> {
    let body: Value = serde_json::from_slice(&request.body).expect("DynamoDB is spoken to in JSON");
    let operation = request.operation().expect("a request names its operation");
    let on = |operation: &str, table: &str| (format!("dynamodb:{operation}"), names.resource(table));
    if let Some(parts) = body["TransactItems"].as_array() {
        let parts = parts.iter().flat_map(|part| part.as_object().expect("a part has its kind"));
        return parts.map(|(kind, part)| on(&right_of(kind), text(&part["TableName"]))).collect();
    }
    if let Some(tables) = body["RequestItems"].as_object() {
        return tables.keys().map(|table| on(operation, table)).collect();
    }
    let (action, table) = on(operation, text(&body["TableName"]));
    let index = body["IndexName"].as_str().map(|index| format!("{table}/index/{index}"));
    vec![(action, index.unwrap_or(table))]
}

/// The right that a part of a transaction needs.
fn right_of(part: &str) -> String {
    if part == "ConditionCheck" { "ConditionCheckItem".to_owned() } else { format!("{part}Item") }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn of_indices(request: &RecordedRequest) -> Wanted {
    let method = request.method.as_str().to_lowercase();
    let domain = "arn:${AWS::Partition}:es:${AWS::Region}:${AWS::AccountId}:domain/annals";
    (format!("es:ESHttp{method}"), format!("{domain}{}", request.path))
}

impl Names {
    fn resource(&self, table: &str) -> String {
        let resource = match table {
            _ if table == self.events_table => "${EventsTable.Arn}",
            _ if table == self.state_table => "${StateTable.Arn}",
            other => other,
        };
        resource.to_owned()
    }
}
