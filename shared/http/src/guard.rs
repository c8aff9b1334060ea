//! The guard in front of each route: its handler runs only for callers with the access that the route declares.

use std::sync::Arc;

use annals_domain::definition::Catalog;
use axum::Router;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request, State};
use axum::handler::Handler;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, on};

use crate::access::Access;
use crate::login::Caller;
use crate::problem::{Problem, ProblemKind};
use crate::route::Route;

/// The path segment that names an entity type.
const TYPE: &str = "type";

/// A router of guarded routes.
pub(crate) struct GuardedRoutes<S> {
    router: Router<S>,
    /// What knows the names of entity types, for routes that read them.
    catalog: Arc<Catalog>,
    path: fn(Route) -> &'static str,
}

impl<S: Clone + Send + Sync + 'static> GuardedRoutes<S> {
    /// For routes that read no entities.
    pub(crate) fn new() -> Self {
        Self { router: Router::new(), catalog: Arc::default(), path: Route::path }
    }

    /// For routes that read entities of these definitions, each at its `path`.
    pub(crate) fn reading(catalog: &Arc<Catalog>, path: fn(Route) -> &'static str) -> Self {
        Self { router: Router::new(), catalog: Arc::clone(catalog), path }
    }

    pub(crate) fn with<H: Handler<T, S>, T: 'static>(self, route: Route, handler: H) -> Self {
        let guard = (route.access(), Arc::clone(&self.catalog));
        let guarded: MethodRouter<S> = on(route.verb().filter(), handler).route_layer(from_fn_with_state(guard, check));
        Self { router: self.router.route((self.path)(route), guarded), ..self }
    }

    pub(crate) fn into_router(self) -> Router<S> {
        self.router
    }
}

async fn check(
    State((access, catalog)): State<(Access, Arc<Catalog>)>,
    path: Result<RawPathParams, RawPathParamsRejection>,
    request: Request,
    next: Next,
) -> Response {
    let caller = request.extensions().get::<Caller>();
    let Ok(path) = path else {
        return Problem::new(ProblemKind::InvalidRequest, "the percent-decoded path is not UTF-8").into_response();
    };
    let entity_type = path.iter().find(|(name, _)| *name == TYPE).map(|(_, value)| value);
    match may_use(access, caller, &catalog, entity_type) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

fn may_use(
    access: Access,
    caller: Option<&Caller>,
    catalog: &Catalog,
    entity_type: Option<&str>,
) -> Result<(), Problem> {
    match (access, caller) {
        (Access::Anyone, _) => Ok(()),
        (_, None) => Err(Problem::new(ProblemKind::Unauthorized, "a login is required")),
        (Access::Reader, Some(caller)) => caller.need_type(catalog, entity_type.unwrap_or_default()),
        (Access::LoggedIn | Access::Admin, Some(caller)) => caller.need(access, "this route"),
    }
}
