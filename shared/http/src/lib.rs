//! The HTTP API: axum routers over the use cases, one a function, and one with all of them.
//!
//! Promises the same routes and answers whoever serves them (hyper in the local process, a function
//! behind a gateway), errors as RFC 9457 problems without internal text, and a trailing slash that
//! never matters. Does not listen on a socket: that is the caller's.

mod answer;
mod backfill;
mod entities;
mod events;
mod failure;
mod health;
mod history;
mod list_query;
mod login;
mod page;
mod parameters;
mod problem;
mod quarantine;
mod segment;
mod token_file;
mod trailing_slash;

use std::sync::Arc;

use annals_application::backfill::Backfill;
use annals_application::commands::{CommandHandler, Quarantine};
use annals_application::queries::{EntityQueries, HealthCheck};
use axum::Router;
use axum::middleware::from_fn_with_state;

pub use self::events::{Deadline, MAX_BODY_BYTES};
pub use self::login::{GatewayCaller, Login};
pub use self::token_file::{Scope, TokenFileError, TokenSet};
use self::trailing_slash::TrailingSlash;

/// What the query routes answer from.
#[derive(Clone)]
pub struct QueryApi {
    /// The queries over entities.
    pub queries: EntityQueries,
    /// The quarantine, to look into.
    pub quarantine: Quarantine,
    /// The dependencies' states.
    pub health: Arc<dyn HealthCheck>,
}

/// The ingest function's routes: events in, redrive and dismissal.
pub fn events_router(handler: Arc<CommandHandler>, login: Login) -> Router {
    finish(event_routes(handler), login)
}

/// The query function's routes: entities, histories, the quarantine and health.
pub fn query_router(api: QueryApi, login: Login) -> Router {
    finish(query_routes(api), login)
}

/// The backfill function's routes: backfills asked for, looked at, paused, resumed and cancelled.
pub fn backfill_router(backfill: Backfill, login: Login) -> Router {
    finish(backfill::routes(backfill), login)
}

/// All routes, for one process that serves them by itself.
pub fn local_router(handler: Arc<CommandHandler>, api: QueryApi, login: Login) -> Router {
    let backfill = backfill::routes(handler.backfill());
    finish(event_routes(handler).merge(backfill).merge(query_routes(api)), login)
}

fn event_routes(handler: Arc<CommandHandler>) -> Router {
    events::routes(Arc::clone(&handler)).merge(quarantine::decisions(handler))
}

fn query_routes(api: QueryApi) -> Router {
    let api = Arc::new(api);
    let reading = quarantine::reading(Arc::clone(&api)).merge(health::routes(Arc::clone(&api)));
    reading.merge(entities::routes(api))
}

/// Routes with what every one of them has: problems for what is no route, the login, and paths
/// that may end in a slash.
fn finish(routes: Router, login: Login) -> Router {
    let routes = routes
        .fallback(problem::no_such_route)
        .method_not_allowed_fallback(problem::wrong_method)
        .layer(from_fn_with_state(login, login::check));
    // A layer of a router runs behind its routing, where a rewritten path would come too late; so
    // the router is wrapped whole.
    Router::new().fallback_service(TrailingSlash::new(routes))
}
