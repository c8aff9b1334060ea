//! `get`, `list` and `history`: the responses of the HTTP API as JSON, or as tables.

mod history;
mod list;

use annals_application::queries::{EntityQueries, HistoryRequest, QueryError};
use serde_json::Value;

pub(crate) use self::history::history;
pub(crate) use self::list::list;
use crate::arguments::{Entity, Shared};
use crate::exit::{Exit, Failure};
use crate::open::open_queries;
use crate::output::Out;
use crate::style::short;

pub(crate) async fn get(shared: &Shared, entity: &Entity) -> Result<Exit, Failure> {
    let queries = open_queries(shared).await?;
    let document = match queries.get(&entity.entity_type, &entity.id).await {
        Err(error @ QueryError::NotFound { .. }) => return Err(not_found(&queries, entity, error).await),
        found => found?,
    };
    let mut out = Out::stdout(shared.no_color);
    out.line(pretty(&parse(document.json.get())?));
    out.finish()?;
    Ok(Exit::Success)
}

/// Why there is no such entity: its events may be stored but not projected yet.
async fn not_found(queries: &EntityQueries, entity: &Entity, error: QueryError) -> Failure {
    let Entity { entity_type, id } = entity;
    let request = HistoryRequest { page_size: Some(1), ..HistoryRequest::default() };
    match queries.history(entity_type, id, &request).await {
        Ok(page) if !page.results.is_empty() => Failure::new(format!("`{id}` is stored but not projected yet"))
            .hint(format!("`annals history {entity_type} {id}` shows it")),
        _ => error.into(),
    }
}

fn parse(json: &str) -> Result<Value, Failure> {
    serde_json::from_str(json).map_err(|error| Failure::new(format!("a stored document is not JSON: {error}")))
}

fn pretty(value: &Value) -> String {
    format!("{value:#}")
}

/// A value in a table, cut to `max` characters.
fn cell(value: &Value, max: usize) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::String(text) => short(text, max),
        other => short(&other.to_string(), max),
    }
}
