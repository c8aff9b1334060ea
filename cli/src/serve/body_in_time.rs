//! A body that must arrive within a time, however the client divides it.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::BoxError;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use tokio::time::{Sleep, sleep};

/// The time for the body of a request.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

pub(super) struct BodyInTime {
    body: Incoming,
    timeout: Pin<Box<Sleep>>,
}

impl BodyInTime {
    pub(super) fn new(body: Incoming) -> Self {
        Self { body, timeout: Box::pin(sleep(BODY_TIMEOUT)) }
    }
}

impl Body for BodyInTime {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.timeout.as_mut().poll(context).is_ready() {
            return Poll::Ready(Some(Err("the body did not arrive in time".into())));
        }
        Pin::new(&mut self.body).poll_frame(context).map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
