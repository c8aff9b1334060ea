//! The domain of Annals: identities, events, folding, entity definitions and mapping.
//!
//! Everything here is a pure function of its arguments: no I/O, no clock, no randomness, no async. That is why the
//! AWS functions and the local process give the same results.

pub mod aggregate;
pub mod change;
pub mod definition;
pub mod entity;
pub mod entity_changes;
pub mod event;
pub mod identity;
pub mod mapping;
pub mod number;
pub mod path;
pub mod position;
pub mod provider_adapter;
pub mod search_text;
pub mod services;
pub mod stream_head;
#[cfg(feature = "testing")]
pub mod testing;
pub mod text_diff;
pub mod timestamp;
pub mod validation;
pub mod validation_issue;
