//! Refetch: reading records again that events alone do not make whole.
//!
//! A task ends when the record's image is stored, up to the event that asked for it. Nothing is lost while the CRM is
//! down, over its quota or refuses the credentials: tasks wait, and no attempt counts. A field that the CRM does not show
//! ends as unreadable after some attempts, and is noted.

mod outcome;
mod refetcher;
mod report;

pub use self::outcome::MAX_ATTEMPTS;
pub use self::refetcher::{RefetchError, Refetcher, RefetcherPorts};
pub use self::report::RefetchReport;
