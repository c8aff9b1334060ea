//! The role of a function in the template, enforced between the function and its tables and indices.
//!
//! A request that the role does not allow is denied as AWS would deny it, so every test also checks that the
//! permissions suffice. Publishing, and requests that a test sends to another endpoint, are not checked.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use crate::template::{Statement, Template};
use annals_lambda::settings::Function;
use annals_services::{Fault, Match, Proxy, RecordedRequest, Rule};
use axum::http::StatusCode;
use serde_json::Value;

/// The permissions of each role by function name, with OpenSearch as a domain of the account.
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

/// The names in the template of the resources of a test.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    pub(crate) events_table: String,
    pub(crate) state_table: String,
}

/// The proxies that check the requests of a function.
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

    /// Clears the recorded requests, since a test may send many.
    pub(crate) fn forget(&self) {
        self.dynamodb.clear();
        self.opensearch.clear();
    }
}

/// An action and its resource.
type Wanted = (String, String);

fn allows(rights: &[Statement], (action, resource): &Wanted) -> bool {
    let reached = |allows: bool| rights.iter().any(|it| it.allows == allows && it.reaches(action, resource));
    reached(true) && !reached(false)
}

/// The permissions that a request to DynamoDB needs. A transaction needs the permission of each of its parts.
fn of_tables(request: &RecordedRequest, names: &Names) -> Vec<Wanted> {
    let body: Value = serde_json::from_slice(&request.body).expect("a request to DynamoDB is JSON");
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

/// The permission that a part of a transaction needs.
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
