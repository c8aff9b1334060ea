//! `get`: an entity now or at a moment, as JSON, or with what is behind each field.

use annals_application::queries::{EntityQueries, HistoryRequest, QueryError};
use serde_json::{Map, Value};

use super::{cell, parse, pretty};
use crate::arguments::{Entity, Get, Shared};
use crate::exit::{Exit, Failure};
use crate::open::open_queries;
use crate::output::Out;
use crate::style::Paint;
use crate::table::Table;

/// Values are cut to so many characters.
const MAX_CELL: usize = 40;

pub(crate) async fn get(shared: &Shared, get: &Get) -> Result<Exit, Failure> {
    let queries = open_queries(shared).await?;
    let entity = found(&queries, get).await?;
    let mut out = Out::stdout(shared.no_color);
    if get.explain && !get.json {
        out.table(&table(&entity));
    } else {
        out.line(pretty(&entity));
    }
    out.finish()?;
    Ok(Exit::Success)
}

async fn found(queries: &EntityQueries, get: &Get) -> Result<Value, Failure> {
    let Entity { entity_type, id } = &get.entity;
    let past = queries.time_travel();
    let document = match get.moment.request() {
        moment if get.explain => past.explain(entity_type, id, &moment.unwrap_or_default()).await?,
        Some(moment) => past.get(entity_type, id, &moment).await?,
        None => match queries.get(entity_type, id).await {
            Err(error @ QueryError::NotFound { .. }) => return Err(not_found(queries, &get.entity, error).await),
            found => found?,
        },
    };
    parse(document.json.get())
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

/// One row for each field: its value, and the event, the user and the CRM's field behind it.
fn table(entity: &Value) -> Table {
    let mut table = Table::new(&["field", "value", "version", "timestamp", "user", "source", "from", "raw value"]);
    let none = Map::new();
    let explain = entity.get("explain").and_then(Value::as_object).unwrap_or(&none);
    for (field, origin) in explain {
        let value = entity.get(field).unwrap_or(&Value::Null);
        let raw = origin.get("raw_value").filter(|raw| *raw != value);
        let text = |name: &str| origin.get(name).map(shown).unwrap_or_default();
        table.row([
            (Paint::Bold, field.clone()),
            (Paint::Plain, cell(value, MAX_CELL)),
            (Paint::Plain, text("version")),
            (Paint::Plain, text("timestamp")),
            (Paint::Dim, text("user")),
            (Paint::Dim, text("source")),
            (Paint::Plain, format!("{} {}", text("operation"), text("provider_field")).trim().to_owned()),
            (Paint::Dim, raw.map(shown).unwrap_or_default()),
        ]);
    }
    table
}

/// The value in a cell, which is empty for null.
fn shown(value: &Value) -> String {
    if value.is_null() { String::new() } else { cell(value, MAX_CELL) }
}
