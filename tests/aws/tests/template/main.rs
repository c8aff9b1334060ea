//! The deployment's template and the sample payloads of its functions: what must hold of them.
//!
//! Promises that each rule holds for every way to choose the parameters that it depends on. Deploys
//! nothing: what AWS itself makes of the template is tried elsewhere.

mod alarms;
mod domain;
mod environment;
mod failures;
mod functions;
mod payloads;
mod projection_payloads;
mod rights;
mod rights_held;
mod rights_refused;
mod routes;
mod stream;
mod tables;
