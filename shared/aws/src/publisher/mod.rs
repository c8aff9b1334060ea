//! The publisher on AWS: published events go to an EventBridge bus or to an SNS topic.
//!
//! Delivery is at least once, and each event has a result of its own. Ten entries, or as many as the byte limit
//! allows, go in one call. Entries that the service did not accept are sent again without the others, up to a time
//! limit. The events of one aggregate are sent in their order; one that had to be sent again may arrive after a newer
//! one, so a consumer ignores a version that is not above its last.
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
//! `size` is the length of the complete event's JSON in bytes. A consumer reads the entity by
//! `GET /{entities}/{aggregate_id}?min_version={version}`. If the validation issues alone are too large,
//! `validation_info` is null too. No other published event has `reference`.

mod batch;
mod bus;
mod delivery;
mod event_bridge;
mod message;
mod settings;
mod sns;

pub use self::bus::DEFAULT_MAX_BYTES;
pub use self::event_bridge::{EventBridgePublisher, EventBridgeSettings};
pub use self::settings::{PublishSettings, publisher};
pub use self::sns::{SnsPublisher, SnsSettings};
