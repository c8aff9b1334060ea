//! A small music company's org: seeded records, and somebody who keeps working in it.
//!
//! The same seed gives the same records and the same work.

mod live;
mod objects;
mod seed;

pub use self::live::LiveWork;
pub use self::objects::objects;
pub use self::seed::{Sizes, seed};

/// The org's id in tests and in the demo.
pub const ORG_ID: &str = "00DQz0000004nNlMAI";
