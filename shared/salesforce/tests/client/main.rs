//! The client against a fake org over HTTP.

#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

mod bulk;
mod contract;
mod faults;
mod fixture;
mod rules;
mod samples;
mod sessions;
