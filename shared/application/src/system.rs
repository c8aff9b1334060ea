//! The system clock and random ids. Other code uses them only through the ports, so that tests are deterministic.

use std::time::{SystemTime, UNIX_EPOCH};

use annals_domain::timestamp::Timestamp;
use uuid::Uuid;

use crate::ports::{Clock, Ids};

#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the adapter of the clock port")]
    fn now(&self) -> Timestamp {
        // A time before 1970 becomes 1970.
        let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let epoch = Timestamp::from_millis(0).expect("1970 is a timestamp");
        epoch.plus_millis(i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX))
    }
}

#[derive(Debug, Clone, Copy, Default)]
pub struct RandomIds;

impl Ids for RandomIds {
    #[expect(clippy::disallowed_methods, reason = "this is the adapter of the id port")]
    fn fresh(&self) -> Uuid {
        Uuid::new_v4()
    }
}
