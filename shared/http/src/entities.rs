//! Entities: lists, counts and single entities.
//!
//! The path names a type by its plural, its singular or the provider's object, with or without `/entities` in front.
//! Without it, the first segment of a fixed route is never a type. Documents are sent as the read model stores them.

use std::sync::Arc;

use annals_application::queries::EntityQueries;
use annals_domain::position::Version;
use axum::Router;
use axum::extract::{RawQuery, Request, State};
use axum::http::{HeaderMap, Uri};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::QueryApi;
use crate::diff::diff;
use crate::etag::ETag;
use crate::guard::GuardedRoutes;
use crate::history::history;
use crate::list_query::{PAGING, count_request, list_request, parameter_hint};
use crate::parameters::{Parameters, PathParameters};
use crate::problem::{Problem, no_such_route, wrong_method};
use crate::response::{PageBody, json};
use crate::route::Route;
use crate::time_travel::{PastRequest, is_of_several, past_request, present_request, several};

/// The number of characters of a definition's digest in an entity tag.
const TAG_DIGEST_LENGTH: usize = 16;

/// `GET /{type}`, its count, one entity, its history and its differences; the same below `/entities`.
pub(crate) fn routes(api: Arc<QueryApi>) -> Router {
    let routes_at = |path: fn(Route) -> &'static str| of_type(GuardedRoutes::reading(api.queries.catalog(), path));
    let short = routes_at(Route::short_path).method_not_allowed_fallback(wrong_method).layer(from_fn(refuse_fixed));
    short.merge(routes_at(Route::path)).with_state(api)
}

fn of_type(routes: GuardedRoutes<Arc<QueryApi>>) -> Router<Arc<QueryApi>> {
    routes
        .with(Route::ListEntities, list)
        .with(Route::CountEntities, count)
        .with(Route::GetEntity, one)
        .with(Route::History, history)
        .with(Route::Diff, diff)
        .into_router()
}

async fn refuse_fixed(uri: Uri, request: Request, next: Next) -> Response {
    let first = uri.path().split('/').nth(1).unwrap_or_default();
    if Route::is_fixed(first) { no_such_route(uri).await.into_response() } else { next.run(request).await }
}

async fn list(
    State(api): State<Arc<QueryApi>>,
    PathParameters(entity_type): PathParameters<String>,
    uri: Uri,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let parameters = Parameters::read(query.as_deref())?;
    if is_of_several(&parameters) {
        return several(&api, &entity_type, &uri, &parameters).await;
    }
    let found = api.queries.list(&entity_type, &list_request(&parameters)?).await;
    let found = found.map_err(|error| Problem::from(error).with_hint(parameter_hint(&parameters, &PAGING)))?;
    json(&PageBody::of(found.map(|document| document.json), &uri, &parameters))
}

#[derive(Serialize)]
struct CountBody {
    count: u64,
}

async fn count(
    State(api): State<Arc<QueryApi>>,
    PathParameters(entity_type): PathParameters<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let parameters = Parameters::read(query.as_deref())?;
    let count = api.queries.count(&entity_type, &count_request(&parameters)?).await;
    let count = count.map_err(|error| Problem::from(error).with_hint(parameter_hint(&parameters, &[])))?;
    json(&CountBody { count })
}

async fn one(
    State(api): State<Arc<QueryApi>>,
    PathParameters((entity_type, id)): PathParameters<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let parameters = Parameters::read(query.as_deref())?;
    let past = api.queries.time_travel();
    let document = match past_request(&parameters)? {
        Some(PastRequest { moment, explain, min_version }) => {
            if let Some(version) = min_version {
                past.require_version(&entity_type, &id, version).await?;
            }
            match explain {
                true => past.explain(&entity_type, &id, &moment).await?,
                false => past.get(&entity_type, &id, &moment).await?,
            }
        }
        None => match present_request(&parameters)? {
            Some(version) => api.queries.get_at_least(&entity_type, &id, version).await?,
            None => api.queries.get(&entity_type, &id).await?,
        },
    };
    let tag = entity_tag(&api.queries, &entity_type, document.version);
    tag.respond(&headers, Box::<str>::from(document.json).into_string())
}

/// The JSON of an entity depends only on its version and its definition, so the tag names both. So does that of an entity
/// at a moment: the events that count then only grow in number, and each new one has a higher version.
fn entity_tag(queries: &EntityQueries, entity_type: &str, version: Version) -> ETag {
    let definition = queries.catalog().named(entity_type);
    let digest = definition.map_or("open", |definition| &*definition.digest);
    ETag::new(&format!("{version}-{}", digest.get(..TAG_DIGEST_LENGTH).unwrap_or(digest)))
}
