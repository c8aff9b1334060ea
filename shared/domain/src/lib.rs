//! The domain of Annals: identities, events, the fold, entity definitions and mapping.
//!
//! Promises purity: no I/O, no clock, no randomness, no async. Everything here is a function of
//! its arguments, so the four functions and the local process answer alike.

pub mod aggregate;
pub mod change;
pub mod definition;
pub mod entity;
pub mod entity_changes;
pub mod event;
pub mod head;
pub mod identity;
pub mod mapping;
pub mod path;
pub mod position;
pub mod provider_adapter;
pub mod search_text;
pub mod services;
#[cfg(feature = "testing")]
pub mod testing;
pub mod text_diff;
pub mod timestamp;
pub mod validation;
pub mod validation_issue;
