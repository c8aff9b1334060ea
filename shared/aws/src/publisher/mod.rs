//! The publisher on AWS: announcements to an EventBridge bus or to an SNS topic.
//!
//! Promises what the port does: at least once, each event its own answer, in no more calls than the
//! events need (ten entries or the byte limit a call), and an end to every call, whatever the service
//! does. Entries that the service did not take are sent again alone. Events of one aggregate leave in
//! their order; one that had to be sent again may come behind a newer one, which a consumer that
//! ignores a version not above its last does not mind.
//!
//! # What a consumer gets
//!
//! The event as JSON: `event_id`, `aggregate_type`, `aggregate_id`, `external_id`, `provider`,
//! `event_type`, `timestamp`, `data`, `changes`, `from_version`, `version`, `validation_info`,
//! `correlation_id`. EventBridge has it as `detail`, with the detail type `{aggregate_type}Changed`;
//! SNS as the message, with `aggregate_type`, `event_type` and `provider` also as message attributes,
//! for filter policies.
//!
//! # An event too large for a call
//!
//! It is sent as a reference: the same object with `data` and `changes` null, and
//!
//! ```json
//! "reference": { "aggregate_id": "…", "version": 7, "reason": "too large", "size": 300000 }
//! ```
//!
//! `size` is that of the whole event's JSON in bytes. A consumer reads the entity by
//! `GET /{entities}/{aggregate_id}?min_version={version}`. Where the issues alone are too large,
//! `validation_info` is null too. Nothing else ever has `reference`.

mod batch;
mod bus;
mod event_bridge;
mod message;
mod retry;
mod settings;
mod sns;

pub use self::event_bridge::{EventBridgePublisher, EventBridgeSettings};
pub use self::settings::{DEFAULT_MAX_BYTES, PublishSettings, publisher};
pub use self::sns::{SnsPublisher, SnsSettings};
