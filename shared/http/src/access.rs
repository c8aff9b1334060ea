//! What a route asks of its caller: declared with the route, and checked before its handler.

use std::sync::Arc;

use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;

use crate::QueryApi;
use crate::login::Caller;
use crate::problem::{Problem, ProblemKind};

/// The path segment that names an entity type.
const TYPE: &str = "type";

/// What a route asks of its caller.
#[derive(Clone)]
pub(crate) enum Access {
    /// Nothing: the login lets everyone through.
    Anyone,
    /// A login.
    LoggedIn,
    /// A login that may read the entity type in the path. The API knows the names of a type.
    Reader(Arc<QueryApi>),
    /// The admin scope.
    Admin,
}

/// A route whose handler runs only for callers with this access.
pub(crate) fn guarded<S: Clone + Send + Sync + 'static>(access: Access, route: MethodRouter<S>) -> MethodRouter<S> {
    route.route_layer(from_fn_with_state(access, check))
}

async fn check(
    State(access): State<Access>,
    path: Result<RawPathParams, RawPathParamsRejection>,
    request: Request,
    next: Next,
) -> Response {
    let caller = request.extensions().get::<Caller>();
    let Ok(path) = path else {
        return Problem::new(ProblemKind::InvalidRequest, "the percent-decoded path is not UTF-8").into_response();
    };
    let entity_type = path.iter().find(|(name, _)| *name == TYPE).map(|(_, value)| value);
    match access.check(caller, entity_type) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

impl Access {
    fn check(&self, caller: Option<&Caller>, entity_type: Option<&str>) -> Result<(), Problem> {
        let caller = match (self, caller) {
            (Self::Anyone, _) => return Ok(()),
            (_, Some(caller)) => caller,
            (_, None) => return Err(Problem::new(ProblemKind::Unauthorized, "a login is required")),
        };
        match self {
            Self::Anyone | Self::LoggedIn => Ok(()),
            Self::Admin => caller.need_admin("this route"),
            Self::Reader(api) => caller.need_type(api.queries.catalog(), entity_type.unwrap_or_default()),
        }
    }
}
