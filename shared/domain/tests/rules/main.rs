//! The rules of the domain, one file a subject.

mod admission;
mod aggregate;
mod broadcast_rule;
mod copies;
mod definitions;
mod digests;
mod entities;
mod entity_changes;
mod estimates;
mod events;
mod explanations;
mod fold_laws;
mod late_events;
mod ordering_rules;
mod providers;
mod refetches;
mod stream_heads;
mod subtree_rules;
mod system_fields;
mod validation;
