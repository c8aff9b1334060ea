//! The use cases of Annals over its ports: take change events in, project them, answer queries.
//!
//! Promises to know no store, bus or transport: adapters are passed in. Holds no rule of the
//! domain: those are in the domain crate, as pure functions.

pub mod backfill;
pub mod backoff;
pub mod commands;
#[cfg(feature = "testing")]
pub mod contract;
pub mod ports;
pub mod projection;
pub mod queries;
pub mod system;

/// An error and its causes on one line, for the one place where it is logged or shown.
pub fn log_chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
