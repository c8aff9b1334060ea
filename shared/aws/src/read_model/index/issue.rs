//! What an operator should know about an index.

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexIssue {
    pub alias: String,
    /// The entity type, as `annals rebuild` takes it.
    pub aggregate_type: String,
    pub problem: IndexProblem,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IndexProblem {
    /// There is no index yet; the first document creates it.
    Missing,
    /// The index was created from another definition. Queries that name a missing field are refused; all others
    /// work.
    OtherDefinition {
        index: String,
        /// The paths of the fields that the index does not have.
        missing: Vec<String>,
    },
    /// An earlier release created the index. It serves every query; lists of many entities may be slower.
    OlderLayout { index: String, layout: u64 },
    /// An earlier release wrote these documents after this one had created the index. Every query is served; lists may be
    /// slower, and a walk by cursor may miss one of them among equal sort values.
    IncompleteDocuments { index: String, documents: u64 },
    /// A later release created the index. It serves the queries that it can.
    NewerLayout { index: String, layout: u64 },
    /// Annals did not create what has this name. It is neither read nor written.
    Foreign(String),
}
