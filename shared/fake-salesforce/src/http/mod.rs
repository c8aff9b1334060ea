//! The HTTP API of the org: `/services/oauth2/token` and `/services/data`.

mod api_error;
mod bulk;
mod fault;
mod fault_layer;
mod objects;
mod query;
mod request;
mod session;
mod settings;
mod shared;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::handler::HandlerWithoutStateExt as _;
use axum::middleware;
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tower_http::compression::CompressionLayer;

use self::api_error::ApiError;
pub use self::fault::{Fault, FaultAnswer, Faults};
pub use self::settings::{ApiQuotas, FakeSettings};
use self::shared::Shared;
use crate::org::Org;

/// A running server, which ends when this is dropped.
pub struct FakeSalesforce {
    address: SocketAddr,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

impl FakeSalesforce {
    /// Serves the org on a free port of the loopback address.
    pub async fn start(org: Org, settings: FakeSettings) -> io::Result<Self> {
        Self::start_at(0, org, settings).await
    }

    /// Serves the org on that port of the loopback address, or on a free one if it is taken.
    pub async fn start_at(port: u16, org: Org, settings: FakeSettings) -> io::Result<Self> {
        let listener = match TcpListener::bind(("127.0.0.1", port)).await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => TcpListener::bind(("127.0.0.1", 0)).await?,
            bound => bound?,
        };
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::new(org, settings, format!("http://{address}")));
        let router = router(&shared);
        let serving = tokio::spawn(async move {
            // A test or a demo ends with its server, so nobody is left to be told.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { address, shared, serving })
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn org(&self) -> &Org {
        &self.shared.org
    }

    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// Ends every session: each token is answered with INVALID_SESSION_ID from now on.
    pub fn expire_sessions(&self) {
        self.shared.lock().sessions.clear();
    }

    /// Ends the results of every query that was not read to its end, as after two days.
    pub fn expire_locators(&self) {
        self.shared.lock().locators.clear();
    }

    pub fn set_quotas(&self, quotas: ApiQuotas) {
        self.shared.lock().quotas = quotas;
    }

    pub fn quotas(&self) -> ApiQuotas {
        self.shared.lock().quotas
    }

    /// The paths of the requests so far, with their queries decoded.
    pub fn requests(&self) -> Vec<String> {
        self.shared.lock().requests.clone()
    }
}

impl Drop for FakeSalesforce {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn router(shared: &Arc<Shared>) -> Router {
    let data = Router::new()
        .route("/{version}/query", get(query::query))
        .route("/{version}/queryAll", get(query::query_all))
        .route("/{version}/query/{locator}", get(query::next))
        .route("/{version}/queryAll/{locator}", get(query::next))
        .route("/{version}/tooling/query", get(objects::captured))
        .route("/{version}/sobjects/{object}/describe", get(objects::describe))
        .route("/{version}/limits", get(objects::limits))
        .route("/{version}/jobs/query", post(bulk::create))
        .route("/{version}/jobs/query/{job}", get(bulk::status).delete(bulk::delete))
        .route("/{version}/jobs/query/{job}/results", get(bulk::results))
        .layer(middleware::from_fn_with_state(Arc::clone(shared), request::check_session));
    Router::new()
        .route("/services/oauth2/token", post(session::token))
        .route("/services/data", get(objects::versions))
        .route("/services/data/", get(objects::versions))
        .nest("/services/data", data)
        .fallback_service((async || ApiError::not_found()).into_service())
        .layer(middleware::from_fn_with_state(Arc::clone(shared), fault_layer::apply))
        .layer(middleware::from_fn_with_state(Arc::clone(shared), request::check_size))
        .layer(CompressionLayer::new())
        .with_state(Arc::clone(shared))
}
