//! What DynamoDB leaves of a batch, because it is throttled or the response would exceed 16 MB, is requested again.

use std::time::Duration;

use annals_application::backoff::Backoff;
use annals_application::ports::{PortError, PortErrorKind};
use tokio::time::sleep;

/// How often the rest of a batch is requested again.
const ATTEMPTS: u32 = 7;
const WAITS: Backoff = Backoff::doubling(Duration::from_millis(25), Duration::from_millis(800));

/// Waits before a batch is requested, `attempt` times before: at once the first time. Fails after the last attempt.
pub(crate) async fn wait_for_batch(table: &str, attempt: u32) -> Result<(), PortError> {
    if attempt >= ATTEMPTS {
        let message = "DynamoDB left a part of the batch unprocessed, repeatedly";
        return Err(PortError::new(PortErrorKind::Unavailable, table, message));
    }
    if attempt > 0 {
        sleep(WAITS.wait(attempt)).await;
    }
    Ok(())
}
