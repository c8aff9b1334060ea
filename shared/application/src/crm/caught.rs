//! Work whose panics are errors, so that a mistake in the program, met in one object, holds up no other.

use std::future::Future;
use std::panic::AssertUnwindSafe;

use futures::FutureExt;

/// The work's result, or `panicked` if it panics. The panic itself is in the log.
///
/// What the work shares with others must be whole between its awaits: nothing else is checked.
pub(crate) async fn caught<T, E>(work: impl Future<Output = Result<T, E>>, panicked: E) -> Result<T, E> {
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or(Err(panicked))
}
