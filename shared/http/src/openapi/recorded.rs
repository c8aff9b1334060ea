//! Examples of responses: what the server answered to requests after it had ingested the sample change events.
//!
//! `tests/served/recorded.rs` records them, and checks that the server still answers the same. With other definitions it
//! would not, so a document of those has none.

use std::collections::BTreeMap;

use annals_domain::definition::Catalog;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::problem::ProblemKind;

const RECORDING: &str = include_str!("recorded.json");

#[derive(Deserialize)]
struct Recording {
    /// The digest of each definition, by its type.
    definitions: BTreeMap<String, String>,
    answers: Vec<Answer>,
}

#[derive(Deserialize)]
struct Answer {
    /// The id of the operation; none of a problem, which several have.
    operation: Option<String>,
    /// The name of the example.
    name: String,
    /// The method and the URL, and what else matters.
    request: String,
    status: u16,
    body: Value,
}

impl Answer {
    fn example(&self) -> Value {
        json!({"summary": self.request, "value": self.body})
    }
}

pub(super) struct RecordedAnswers(Vec<Answer>);

impl RecordedAnswers {
    pub(super) fn of(catalog: &Catalog) -> Self {
        let recording: Recording =
            serde_json::from_str(RECORDING).expect("a test writes the file, and another one reads it");
        let definitions = catalog.definitions().iter();
        let digests: BTreeMap<_, _> =
            definitions.map(|of| (of.aggregate_type.to_string(), of.digest.to_string())).collect();
        Self(if digests == recording.definitions { recording.answers } else { Vec::new() })
    }

    /// The examples of a response of an operation, by name.
    pub(super) fn of_operation(&self, id: &str, status: &str) -> Map<String, Value> {
        let is_of = |answer: &&Answer| answer.operation.as_deref() == Some(id) && answer.status.to_string() == status;
        let answers = self.0.iter().filter(is_of);
        answers.map(|answer| (answer.name.clone(), answer.example())).collect()
    }

    /// The examples of problems of these kinds, by name.
    pub(super) fn of_problems(&self, kinds: &[ProblemKind]) -> Map<String, Value> {
        let is_of = |answer: &&Answer| kinds.iter().any(|kind| answer.body["type"] == kind.type_uri());
        self.0.iter().filter(is_of).map(|answer| (answer.name.clone(), answer.example())).collect()
    }
}
