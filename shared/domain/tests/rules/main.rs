//! The rules of the domain, one file a subject.

mod admission;
mod aggregate;
mod broadcast_rule;
mod copies;
mod definitions;
mod explanations;
mod fold_laws;
mod late_events;
mod ordering_rules;
mod subtree_rules;
mod system_fields;
