//! Tests of the proxy itself: each fault has its documented effect, and other requests are not affected.
//!
//! The client is a plain socket, so that it can distinguish a reset, an end and a silence.

#![expect(clippy::unwrap_used, reason = "all of this is test code")]

mod faults;
mod fixture;
mod passing;
mod rules;
