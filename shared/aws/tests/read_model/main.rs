//! The read model on real nodes of OpenSearch's two lines, and on a stub for what a node cannot be
//! made to answer.

mod bulk;
mod contract;
mod faults;
mod indices;
mod nodes;
mod rebuild;
mod stub;
