//! The publishers on EventBridge and SNS: on moto, read back through a queue, and on a stub that fails as a test says.

#![expect(clippy::unwrap_used, reason = "a test fails by it")]

mod event_bridge;
mod faults;
mod service;
mod sns;
