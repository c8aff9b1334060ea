//! The HTTP API: axum routers over the use cases, one for each function, and one with all routes.
//!
//! Routes and responses are the same behind API Gateway and in the local process. Errors are RFC 9457 problems without
//! internal text. A trailing slash is optional. Listening on a socket is the caller's job.

mod access;
mod backfill;
mod deadline;
mod diff;
mod entities;
mod etag;
mod events;
mod guard;
mod history;
mod list_query;
mod login;
mod openapi;
mod parameters;
mod problem;
mod quarantine;
mod read_scope;
mod request_headers;
mod response;
mod route;
mod time_travel;
mod token_file;
mod trailing_slash;

use std::sync::Arc;

use annals_application::backfill::Backfill;
use annals_application::commands::{CommandHandler, Quarantine};
use annals_application::queries::{EntityQueries, HealthCheck};
use axum::Router;
use axum::extract::State;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::Response;
use tower::util::MapRequest;

pub use self::deadline::Deadline;
use self::deadline::answer_in_time;
pub use self::events::MAX_BODY_BYTES;
use self::guard::GuardedRoutes;
pub use self::login::{GatewayCaller, Login};
pub use self::openapi::{openapi_document, published_event_schemas};
use self::problem::Problem;
pub use self::read_scope::ReadScope;
use self::route::Route;
pub use self::token_file::{Scope, TokenFileError, TokenSet};
use self::trailing_slash::remove_trailing_slash;

/// The use cases behind the query routes.
#[derive(Clone)]
pub struct QueryApi {
    /// Lists, single entities and their histories.
    pub queries: EntityQueries,
    /// The quarantine; its routes here only read it.
    pub quarantine: Quarantine,
    pub health: Arc<dyn HealthCheck>,
}

/// The routes of the ingest function: change events, redrive and dismissal.
pub fn events_router(handler: Arc<CommandHandler>, login: Login) -> Router {
    finish(event_routes(handler), login)
}

/// The routes of the query function: entities, histories, the quarantine and health.
pub fn query_router(api: QueryApi, login: Login) -> Router {
    finish(query_routes(api).layer(from_fn(answer_in_time)), login)
}

pub fn backfill_router(backfill: Backfill, login: Login) -> Router {
    finish(backfill::routes(backfill).layer(from_fn(answer_in_time)), login)
}

/// All routes, for a local process.
pub fn local_router(handler: Arc<CommandHandler>, api: QueryApi, login: Login) -> Router {
    let backfill = backfill::routes(handler.backfill());
    finish(event_routes(handler).merge(backfill).merge(query_routes(api)), login)
}

fn event_routes(handler: Arc<CommandHandler>) -> Router {
    events::routes(Arc::clone(&handler)).merge(quarantine::decision_routes(handler))
}

fn query_routes(api: QueryApi) -> Router {
    let api = Arc::new(api);
    let health = GuardedRoutes::new().with(Route::Health, health).into_router().with_state(Arc::clone(&api));
    let fixed = health.merge(openapi::routes(&api)).merge(quarantine::read_routes(Arc::clone(&api)));
    fixed.merge(entities::routes(api))
}

/// Responds with 200 whenever the process is up; the report says which dependency is degraded.
async fn health(State(api): State<Arc<QueryApi>>) -> Result<Response, Problem> {
    response::json(&api.health.check().await)
}

/// Adds what all routers have: problems for unknown routes and methods and for headers that nobody could act on, the
/// login, and the optional trailing slash.
fn finish(routes: Router, login: Login) -> Router {
    let routes = routes
        .fallback(problem::no_such_route)
        .method_not_allowed_fallback(problem::wrong_method)
        .layer(from_fn_with_state(login, login::check))
        .layer(from_fn(request_headers::check));
    // A layer of a router runs after its routing, where a rewritten path would come too late: the whole router is wrapped.
    Router::new().fallback_service(MapRequest::new(routes, remove_trailing_slash))
}
