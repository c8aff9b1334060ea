//! Making a call again that an outage fails.
//!
//! Promises an end after five minutes of one outage. A call may be made more than once: it must do no harm then.

use std::time::Duration;

use annals_application::ports::PortError;
use tokio::time::Instant;

/// How long a call is made again, and the first and longest wait before it is.
const PATIENCE: Duration = Duration::from_secs(300);
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// What the call answers; its error where trying again is no use, or the outage lasts too long.
pub(crate) async fn patiently<T, F>(call: impl Fn() -> F) -> Result<T, PortError>
where
    F: Future<Output = Result<T, PortError>>,
{
    let mut wait = FIRST_WAIT;
    let mut since = None;
    loop {
        let error = match call().await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        if !error.is_retryable() || since.get_or_insert_with(Instant::now).elapsed() >= PATIENCE {
            return Err(error);
        }
        tracing::warn!(error = %annals_application::log_chain(&error), "the rebuild waits");
        tokio::time::sleep(wait).await;
        wait = (2 * wait).min(LONGEST_WAIT);
    }
}
