//! The system's clock and random ids. No other code of Annals uses them directly, so that tests are exact.

use std::time::{SystemTime, UNIX_EPOCH};

use annals_domain::timestamp::Timestamp;
use uuid::Uuid;

use crate::ports::{Clock, Ids};

#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the adapter of the clock port")]
    fn now(&self) -> Timestamp {
        // A clock that is set before 1970 counts as 1970. Nothing relies on increasing times.
        let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let epoch = Timestamp::from_millis(0).expect("1970 is a timestamp");
        epoch.plus_millis(i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX))
    }
}

/// Random UUIDs (version 4).
#[derive(Debug, Clone, Copy, Default)]
pub struct RandomIds;

impl Ids for RandomIds {
    #[expect(clippy::disallowed_methods, reason = "this is the adapter of the id port")]
    fn fresh(&self) -> Uuid {
        Uuid::new_v4()
    }
}
