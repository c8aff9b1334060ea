//! The read model on real nodes of both OpenSearch version lines, and on a stub for responses that a real node does
//! not give on request.

mod bulk;
mod contract;
mod faults;
mod indices;
mod layouts;
mod nodes;
mod rebuild;
mod stub;
