//! `get`, `list` and `history`: what is and what was.
//!
//! Promises the same answers as the HTTP API, as JSON or as a table for people.

mod cell;
mod history;
mod list;

use serde_json::Value;

pub(crate) use self::history::history;
pub(crate) use self::list::list;
use crate::arguments::{Entity, Shared};
use crate::exit::{Exit, Failure};
use crate::opening::open_to_read;
use crate::output::Out;

/// `get`.
pub(crate) async fn get(shared: &Shared, entity: &Entity) -> Result<Exit, Failure> {
    let process = open_to_read(shared).await?;
    let document = process.queries.get(&entity.entity_type, &entity.id).await?;
    let mut out = Out::stdout(shared.no_color);
    out.line(pretty(&read(document.json.get())?));
    out.finish()?;
    Ok(Exit::Well)
}

/// A stored document's JSON.
fn read(json: &str) -> Result<Value, Failure> {
    serde_json::from_str(json).map_err(|error| Failure::new(format!("a stored document cannot be read: {error}")))
}

fn pretty(value: &Value) -> String {
    format!("{value:#}")
}
