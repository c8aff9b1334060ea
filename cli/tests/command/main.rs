//! The built command, run as a user runs it: exit codes, stdout, stderr and what is stored.
//!
//! Every test has a folder of its own, and no environment variable of the machine reaches the command.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

#[cfg(feature = "aws")]
mod aws;
mod bad_arguments;
mod bad_input;
mod changes;
mod connect;
mod doctor;
mod entities;
mod export;
mod folder;
mod ingest;
mod killed;
mod past;
mod quarantine;
mod serve;
