//! `get`, `list` and `history`: what is and what was.
//!
//! Promises the same answers as the HTTP API, as JSON or as a table for people.

mod cell;
mod history;
mod list;

use annals_application::queries::{EntityQueries, HistoryRequest, QueryError};
use serde_json::Value;

pub(crate) use self::history::history;
pub(crate) use self::list::list;
use crate::arguments::{Entity, Shared};
use crate::exit::{Exit, Failure};
use crate::opening::open_queries;
use crate::output::Out;

/// `get`.
pub(crate) async fn get(shared: &Shared, entity: &Entity) -> Result<Exit, Failure> {
    let queries = open_queries(shared).await?;
    let document = match queries.get(&entity.entity_type, &entity.id).await {
        Err(error @ QueryError::NotFound { .. }) => return Err(not_found(&queries, entity, error).await),
        found => found?,
    };
    let mut out = Out::stdout(shared.no_color);
    out.line(pretty(&read(document.json.get())?));
    out.finish()?;
    Ok(Exit::Well)
}

/// Why there is no such entity: where its events are stored, the projection has not come to them.
async fn not_found(queries: &EntityQueries, entity: &Entity, error: QueryError) -> Failure {
    let Entity { entity_type, id } = entity;
    let request = HistoryRequest { page_size: Some(1), ..HistoryRequest::default() };
    match queries.history(entity_type, id, &request).await {
        Ok(page) if !page.results.is_empty() => {
            Failure::new(format!("`{id}` is stored, and not found yet: the projection is behind"))
                .hint(format!("`annals history {entity_type} {id}` shows it"))
        }
        _ => error.into(),
    }
}

/// A stored document's JSON.
fn read(json: &str) -> Result<Value, Failure> {
    serde_json::from_str(json).map_err(|error| Failure::new(format!("a stored document cannot be read: {error}")))
}

fn pretty(value: &Value) -> String {
    format!("{value:#}")
}
