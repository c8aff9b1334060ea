//! One operation of the document: what it is called, what it takes, and what it responds.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::parameter;
use super::recorded::RecordedAnswers;
use super::schema::{reference, text};
use crate::access::Access;
use crate::problem::ProblemKind;
use crate::route::Route;

/// The name of the login in the document.
const LOGIN: &str = "bearer";

pub(super) struct Operation {
    /// What it asks of its caller is the route's.
    pub(super) route: Route,
    id: String,
    tag: Tag,
    summary: String,
    /// The entity type that it reads, if it is about one.
    reads: Option<String>,
    parameters: Vec<Value>,
    body: Option<Value>,
    responses: Map<String, Value>,
    problems: Vec<ProblemKind>,
    /// The operations that a successful response leads to.
    links: Map<String, Value>,
}

/// The groups of operations.
#[derive(Clone, Copy)]
pub(super) enum Tag {
    Entities,
    Events,
    Quarantine,
    Backfill,
    Installation,
}

impl Tag {
    const ALL: [Self; 5] = [Self::Entities, Self::Events, Self::Quarantine, Self::Backfill, Self::Installation];

    fn parts(self) -> (&'static str, &'static str) {
        match self {
            Self::Entities => ("entities", "Entities now and in the past, and their histories"),
            Self::Events => ("events", "Change events of the CRMs"),
            Self::Quarantine => ("quarantine", "Inputs that could not become events"),
            Self::Backfill => ("backfill", "Reading records from a CRM"),
            Self::Installation => ("installation", "The installation and its API"),
        }
    }
}

pub(super) fn tags() -> Vec<Value> {
    Tag::ALL.map(|tag| json!({"name": tag.parts().0, "description": tag.parts().1})).into()
}

/// The login, as the document declares it.
pub(super) fn security_schemes() -> Value {
    let description = "A token. Behind API Gateway a JWT, or an IAM signature in its place; without a token file none is \
        needed on loopback. A token with a scope such as `read:clients` reads only the types that its scopes name, and \
        one without any reads all. `admin` allows everything.";
    json!({LOGIN: {"type": "http", "scheme": "bearer", "description": description}})
}

impl Operation {
    pub(super) fn new(route: Route, id: impl Into<String>, tag: Tag, summary: impl Into<String>) -> Self {
        let login = (route.access() != Access::Anyone).then_some(ProblemKind::Unauthorized);
        let always = [
            ProblemKind::InvalidRequest,
            ProblemKind::Forbidden,
            ProblemKind::UnsupportedEncoding,
            ProblemKind::Internal,
            ProblemKind::Unavailable,
        ];
        Self {
            route,
            id: id.into(),
            tag,
            summary: summary.into(),
            reads: None,
            parameters: Vec::new(),
            body: None,
            responses: Map::new(),
            problems: always.into_iter().chain(login).collect(),
            links: Map::new(),
        }
    }

    pub(super) fn reading(mut self, entity_type: Option<&str>) -> Self {
        self.reads = entity_type.map(str::to_owned);
        self
    }

    pub(super) fn parameters(mut self, parameters: impl IntoIterator<Item = Value>) -> Self {
        self.parameters.extend(parameters);
        self
    }

    pub(super) fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    /// A successful response with this JSON.
    pub(super) fn responds(self, status: u16, description: &str, schema: Value) -> Self {
        let content = json!({"application/json": {"schema": schema}});
        self.responds_with(status, json!({"description": description, "content": content}))
    }

    pub(super) fn responds_with(mut self, status: u16, response: Value) -> Self {
        self.responses.insert(status.to_string(), response);
        self
    }

    /// With an entity tag, and 304 for a caller who names it.
    pub(super) fn tagged(mut self, description: &str) -> Self {
        let tag = json!({"ETag": {"description": description, "schema": text()}});
        for response in self.responses.values_mut() {
            response["headers"] = tag.clone();
        }
        let known = parameter::header("If-None-Match", "Tags of earlier responses.", text());
        let unchanged = json!({"description": "What was asked for has one of the given tags", "headers": tag});
        self.parameters([known]).responds_with(304, unchanged)
    }

    pub(super) fn problems(mut self, problems: impl IntoIterator<Item = ProblemKind>) -> Self {
        self.problems.extend(problems);
        self
    }

    /// A link from a member of the successful response to an operation that takes it as a parameter.
    pub(super) fn link(mut self, operation: &str, parameters: Value) -> Self {
        self.links.insert(operation.to_owned(), json!({"operationId": operation, "parameters": parameters}));
        self
    }

    /// The problem responses that it refers to, by name: some kinds share a status.
    pub(super) fn problem_responses(&self, answers: &RecordedAnswers) -> impl Iterator<Item = (String, Value)> {
        let response = |kinds: Vec<ProblemKind>| (response_name(&kinds), problem_response(&kinds, answers));
        by_status(&self.problems).into_values().map(response)
    }

    pub(super) fn into_json(self, answers: &RecordedAnswers) -> Value {
        let security = security(self.route.access(), self.reads.as_deref());
        let mut responses = self.responses;
        for (status, response) in &mut responses {
            if let Some(content) = response.pointer_mut("/content/application~1json") {
                add_examples(content, answers.of_operation(&self.id, status));
            }
        }
        if let Some(response) = responses.values_mut().next().filter(|_| !self.links.is_empty()) {
            response["links"] = self.links.into();
        }
        for (status, kinds) in by_status(&self.problems) {
            responses.insert(status, reference_to_response(&kinds));
        }
        let mut operation = json!({
            "operationId": self.id,
            "tags": [self.tag.parts().0],
            "summary": self.summary,
            "security": security,
            "parameters": self.parameters,
            "responses": responses,
        });
        if let Some(body) = self.body {
            operation["requestBody"] = body;
        }
        operation
    }
}

fn add_examples(content: &mut Value, examples: Map<String, Value>) {
    if !examples.is_empty() {
        content["examples"] = examples.into();
    }
}

fn security(access: Access, reads: Option<&str>) -> Value {
    access.scopes(reads).map_or_else(|| json!([]), |scopes| json!([{LOGIN: scopes}]))
}

fn by_status(problems: &[ProblemKind]) -> BTreeMap<String, Vec<ProblemKind>> {
    let mut by_status: BTreeMap<String, Vec<ProblemKind>> = BTreeMap::new();
    for kind in ProblemKind::ALL.into_iter().filter(|kind| problems.contains(kind)) {
        by_status.entry(kind.status().as_str().to_owned()).or_default().push(kind);
    }
    by_status
}

fn reference_to_response(kinds: &[ProblemKind]) -> Value {
    json!({"$ref": format!("#/components/responses/{}", response_name(kinds))})
}

fn response_name(kinds: &[ProblemKind]) -> String {
    kinds.iter().map(|kind| format!("{kind:?}")).collect::<Vec<_>>().join("Or")
}

fn problem_response(kinds: &[ProblemKind], answers: &RecordedAnswers) -> Value {
    let titles: Vec<String> = kinds.iter().map(|kind| format!("{} (`{}`)", kind.title(), kind.type_uri())).collect();
    let mut content = json!({"schema": reference("Problem")});
    add_examples(&mut content, answers.of_problems(kinds));
    let mut response = json!({
        "description": titles.join(", or: "),
        "content": {"application/problem+json": content},
    });
    let header = |description: &str, schema: Value| json!({"description": description, "schema": schema});
    if kinds.contains(&ProblemKind::Unavailable) {
        let seconds = header("The seconds to wait.", json!({"type": "integer", "minimum": 0}));
        response["headers"] = json!({"Retry-After": seconds});
    }
    response
}
