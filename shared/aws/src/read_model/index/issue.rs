//! What an operator should know about an index.

/// A problem of one index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexIssue {
    /// The alias that readers use.
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
        /// The index behind the alias.
        index: String,
        /// The paths of the fields that the index does not have.
        missing: Vec<String>,
    },
    /// The index has another layout than this release creates. It serves the queries that it can.
    OtherLayout {
        /// The index behind the alias.
        index: String,
        /// The layout of the index.
        layout: u64,
    },
    /// Annals did not create what has this name. It is neither read nor written.
    Foreign(String),
}
