//! A proxy between the code under test and a real service.
//!
//! The proxy records every request. It forwards a request unchanged unless a rule matches; then the
//! request gets the fault of that rule. It runs on its own thread, so neither a paused clock nor a
//! blocked runtime of the test stops it. It speaks plain HTTP/1.1 and buffers whole bodies, so it is
//! not suitable for measuring throughput.

mod fault;
mod request;
mod state;
mod wire;

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::net::TcpListener;
use tokio::runtime;
use tokio::sync::oneshot;

pub use self::fault::{Fault, Match, Rule, Times};
pub use self::request::RecordedRequest;
use self::state::State;

/// A running proxy. When it is dropped it stops and closes all connections.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Begins to listen, for the service at `upstream` (`http://host:port`).
    pub fn start(upstream: &str) -> Self {
        let state = Arc::new(State::default());
        let (stop, stopped) = oneshot::channel();
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("there is a free port");
        listener.set_nonblocking(true).expect("a listener need not block");
        let address = listener.local_addr().expect("a listener has an address");
        let upstream = wire::Upstream::new(upstream, Arc::clone(&state));
        let thread = std::thread::spawn(move || run(listener, upstream, stopped));
        Self { address, state, stop: Some(stop), thread: Some(thread) }
    }

    /// Where clients find it: `http://127.0.0.1:port`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All requests since the start or the last `clear`, in the order of their arrival.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.state.requests()
    }

    /// The number of requests with this name: an operation (`PutItem`) or a segment of the path (`_bulk`).
    pub fn count(&self, name: &str) -> usize {
        self.requests().iter().filter(|request| request.is(name)).count()
    }

    /// The number of connections that clients have opened since the start.
    pub fn connections(&self) -> usize {
        self.state.connections()
    }

    /// Forgets the requests recorded so far. The rules stay and continue to count.
    pub fn clear(&self) {
        self.state.clear();
    }

    /// Adds a rule. The first rule that matches a request and is not used up applies to it.
    pub fn rule(&self, rule: Rule) {
        self.state.add(rule);
    }

    /// Removes all rules: from now on every request passes. Requests that hang continue to hang.
    pub fn heal(&self) {
        self.state.heal();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the proxy is already printed; a second one during the drop would abort the test.
            drop(thread.join());
        }
    }
}

/// Serves until `stopped`. The runtime ends with this function, and all connections with it.
fn run(listener: std::net::TcpListener, upstream: wire::Upstream, stopped: oneshot::Receiver<()>) {
    let runtime =
        runtime::Builder::new_current_thread().enable_all().build().expect("a runtime needs no more than this");
    runtime.block_on(async {
        let listener = TcpListener::from_std(listener).expect("the listener does not block");
        tokio::select! {
            () = wire::serve(listener, Arc::new(upstream)) => {}
            _ = stopped => {}
        }
    });
}
