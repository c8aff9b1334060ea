//! The proxy holds its own promises: each fault does as it says, and nothing else does.
//!
//! The client is a bare socket, so that a reset, an end and a silence are told apart.

#![expect(clippy::unwrap_used, reason = "all of this is tests, their fixture among it")]

mod faults;
mod fixture;
mod passing;
mod rules;
