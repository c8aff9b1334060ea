//! The use cases of Annals: commands store change events, projections bring the read model up to date,
//! and queries read it.
//!
//! Stores, buses and transports are behind ports, and their adapters are passed in. The rules of the
//! domain are pure functions of the domain crate.

pub mod audit;
pub mod backfill;
pub mod backoff;
pub mod commands;
#[cfg(feature = "testing")]
pub mod contract;
pub mod crm;
pub mod ports;
pub mod projection;
pub mod queries;
pub mod refetch;
pub mod sync;
pub mod system;
pub mod work_status;

pub fn log_chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
