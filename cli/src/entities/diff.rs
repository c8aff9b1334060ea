//! `diff`: what differs between two moments of an entity, and who made it so.

use annals_application::queries::EntityDiff;
use serde_json::Value;

use super::{cell, pretty};
use crate::arguments::{Diff, Entity, Shared};
use crate::exit::{Exit, Failure};
use crate::open::open_queries;
use crate::output::Out;
use crate::style::Paint;
use crate::table::Table;

/// Values are cut to so many characters.
const MAX_CELL: usize = 40;

pub(crate) async fn diff(shared: &Shared, diff: &Diff) -> Result<Exit, Failure> {
    let queries = open_queries(shared).await?;
    let Entity { entity_type, id } = &diff.entity;
    let found = queries.time_travel().diff(entity_type, id, diff.from, diff.to).await?;
    let mut out = Out::stdout(shared.no_color);
    if diff.json {
        let failure = |error: serde_json::Error| Failure::new(format!("cannot write the difference as JSON: {error}"));
        out.line(pretty(&serde_json::to_value(&found).map_err(failure)?));
    } else {
        if !found.changes.is_empty() {
            out.table(&table(&found));
        }
        out.line(out.paint(Paint::Dim, &footer(&found)));
    }
    out.finish()?;
    Ok(Exit::Success)
}

fn table(diff: &EntityDiff) -> Table {
    let mut table = Table::new(&["field", "from", "to", "version", "timestamp", "user", "source"]);
    for (field, change) in &diff.changes {
        let side = |name: &str| cell(change.get(name).unwrap_or(&Value::Null), MAX_CELL);
        let set_by = |name: &str| {
            let value = change.get("set_by").and_then(|set_by| set_by.get(name));
            value.filter(|value| !value.is_null()).map(|value| cell(value, MAX_CELL)).unwrap_or_default()
        };
        table.row([
            (Paint::Bold, field.clone()),
            (Paint::Plain, side("from")),
            (Paint::Green, side("to")),
            (Paint::Plain, set_by("version")),
            (Paint::Plain, set_by("timestamp")),
            (Paint::Dim, set_by("user")),
            (Paint::Dim, set_by("source")),
        ]);
    }
    table
}

fn footer(diff: &EntityDiff) -> String {
    let count = match diff.changes.len() {
        0 => "no field differs".to_owned(),
        1 => "1 field differs".to_owned(),
        count => format!("{count} fields differ"),
    };
    format!("{count}, from {} to {}", diff.from, diff.to)
}
