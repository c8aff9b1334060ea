//! The built command, run as a user runs it: exit codes, stdout, stderr and what is stored.
//!
//! Promises a folder of its own for every test, and that nothing of the machine's environment
//! changes an outcome.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod aws;
mod bad_input;
mod bad_places;
mod changes;
mod doctor;
mod entities;
mod folder;
mod ingest;
mod killed;
mod quarantine;
mod serve;
