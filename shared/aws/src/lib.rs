//! The ports on AWS: events and state in DynamoDB, the read model in OpenSearch, published events on EventBridge or
//! SNS, and the rebuild of the read model beside live projection.
//!
//! Only `event_store` writes the events table, and it only puts items, each on the condition that its key is free.

pub mod client;
pub mod event_store;
pub mod publisher;
pub mod read_model;
pub mod rebuild;
pub mod secrets;
pub mod state_store;
pub mod stream_sections;
mod zstd_frame;
