//! Lambda's Runtime API (2018-06-01) for one function.
//!
//! It gives a runtime one invocation at a time, with its id, deadline, ARN and trace, and accepts one response
//! for each. It does not support extensions or streamed responses.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use annals_application::ports::Clock;
use annals_application::system::SystemClock;
use annals_services::unique_name;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{AppendHeaders, IntoResponse};
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::sync::{Mutex as TurnMutex, mpsc, oneshot};
use tokio::task::JoinHandle;

/// The response of a function: its payload or its error.
pub(crate) type Outcome = Result<String, String>;

/// An invocation that is not fetched yet.
struct Pending {
    id: String,
    payload: String,
    deadline_ms: i64,
    outcome: oneshot::Sender<Outcome>,
}

struct Shared {
    name: &'static str,
    pending: TurnMutex<mpsc::UnboundedReceiver<Pending>>,
    under_way: Mutex<Option<(String, oneshot::Sender<Outcome>)>>,
    init_error: Mutex<Option<String>>,
}

/// A running API.
pub(crate) struct RuntimeApi {
    address: SocketAddr,
    invocations: mpsc::UnboundedSender<Pending>,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

impl RuntimeApi {
    /// Starts to listen for the function with this name.
    pub(crate) async fn start(name: &'static str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("there is a free port");
        let address = listener.local_addr().expect("a listener has an address");
        let (invocations, pending) = mpsc::unbounded_channel();
        let (pending, under_way, init_error) = (TurnMutex::new(pending), Mutex::default(), Mutex::default());
        let shared = Arc::new(Shared { name, pending, under_way, init_error });
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(post_init_error))
            .with_state(Arc::clone(&shared));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.expect("the server runs") });
        Self { address, invocations, shared, server }
    }

    /// The value of `AWS_LAMBDA_RUNTIME_API`.
    pub(crate) fn authority(&self) -> String {
        self.address.to_string()
    }

    /// Queues an invocation for the function. The receiver gets the response.
    pub(crate) fn invoke(&self, payload: &str, timeout: Duration) -> oneshot::Receiver<Outcome> {
        let (outcome, answer) = oneshot::channel();
        let deadline_ms = SystemClock.now().millis() + i64::try_from(timeout.as_millis()).expect("some seconds");
        let pending = Pending { id: unique_name("request"), payload: payload.to_owned(), deadline_ms, outcome };
        assert!(self.invocations.send(pending).is_ok(), "the server runs as long as this does");
        answer
    }

    /// The error of a failed initialization.
    pub(crate) fn init_error(&self) -> Option<String> {
        self.shared.init_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn next(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    // An abandoned poll loses no invocation: receiving either completes or has not started.
    let pending = shared.pending.lock().await.recv().await;
    let Some(Pending { id, payload, deadline_ms, outcome }) = pending else {
        return Err(StatusCode::GONE);
    };
    let headers = AppendHeaders([
        ("content-type", "application/json".to_owned()),
        ("lambda-runtime-aws-request-id", id.clone()),
        ("lambda-runtime-deadline-ms", deadline_ms.to_string()),
        (
            "lambda-runtime-invoked-function-arn",
            format!("arn:aws:lambda:us-east-1:123456789012:function:{}", shared.name),
        ),
        ("lambda-runtime-trace-id", "Root=1-69fb2a80-000000000000000000000001;Sampled=0".to_owned()),
    ]);
    *shared.under_way.lock().unwrap_or_else(PoisonError::into_inner) = Some((id, outcome));
    Ok((headers, payload))
}

async fn response(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: String) -> StatusCode {
    shared.answered(&id, Ok(body))
}

async fn error(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: String) -> StatusCode {
    shared.answered(&id, Err(body))
}

async fn post_init_error(State(shared): State<Arc<Shared>>, body: String) -> StatusCode {
    *shared.init_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(body);
    StatusCode::ACCEPTED
}

impl Shared {
    fn answered(&self, id: &str, outcome: Outcome) -> StatusCode {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        match under_way.take_if(|(known, _)| known == id) {
            // The caller may have given up; that is not an error of the function.
            Some((_, asker)) => asker.send(outcome).map_or(StatusCode::ACCEPTED, |()| StatusCode::ACCEPTED),
            None => StatusCode::BAD_REQUEST,
        }
    }
}
