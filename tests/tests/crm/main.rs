//! Reading a CRM: refetch, backfill, sync and audit against a simulated org, at a virtual time.

#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

mod audit;
mod backfill;
mod damage;
mod live;
mod one_reader;
mod panics;
mod refetch;
mod scheduled_audit;
mod simulation;
mod sync;
