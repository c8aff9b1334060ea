//! Rebuild beside live changes, measured and watched: what the benchmark is made of.
//!
//! Promises that the rebuilding process is one of its own, so that it can be killed and its memory
//! read, and that readers and writers are others.

pub mod floor;
pub mod live;
pub mod poller;
pub mod rebuilding;
pub mod world;
