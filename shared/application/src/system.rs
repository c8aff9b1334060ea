//! The system's clock and random ids: the one place that asks for either.

use std::time::{SystemTime, UNIX_EPOCH};

use annals_domain::timestamp::Timestamp;
use uuid::Uuid;

use crate::ports::{Clock, Ids};

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the adapter that the clock is passed in from")]
    fn now(&self) -> Timestamp {
        // A clock set before 1970 reads as 1970: nothing relies on its order.
        let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let epoch = Timestamp::from_millis(0).expect("1970 is a timestamp");
        epoch.plus_millis(i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX))
    }
}

/// Random ids.
#[derive(Debug, Clone, Copy, Default)]
pub struct RandomIds;

impl Ids for RandomIds {
    #[expect(clippy::disallowed_methods, reason = "this is the adapter that ids are passed in from")]
    fn fresh(&self) -> Uuid {
        Uuid::new_v4()
    }
}
