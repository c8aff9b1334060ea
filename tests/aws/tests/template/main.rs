//! The rules for the deployment template and for the sample payloads of its functions.
//!
//! Each rule is checked for every combination of the parameters that it depends on. Nothing is deployed:
//! deployments to AWS are tested elsewhere.

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
mod schedules;
mod stream;
mod tables;
mod vpc;
