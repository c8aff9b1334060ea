//! `get`, `list`, `history` and `diff`: the responses of the HTTP API as JSON, or as tables.

mod diff;
mod get;
mod history;
mod list;

use serde_json::Value;

pub(crate) use self::diff::diff;
pub(crate) use self::get::get;
pub(crate) use self::history::history;
pub(crate) use self::list::list;
use crate::exit::Failure;
use crate::style::short;

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
