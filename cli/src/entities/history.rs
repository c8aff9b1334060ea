//! `history`: the events of an entity, each with what it changed.

use annals_application::queries::{DEFAULT_PAGE_SIZE, HistoryEvent, HistoryRequest, Page};
use serde_json::{Value, json};

use super::{cell, pretty};
use crate::arguments::{History, Shared};
use crate::exit::{Exit, Failure};
use crate::open::open_queries;
use crate::output::Out;
use crate::style::{Paint, plain};
use crate::table::Table;

/// Values are cut to so many characters.
const MAX_CELL: usize = 60;

pub(crate) async fn history(shared: &Shared, history: &History) -> Result<Exit, Failure> {
    let queries = open_queries(shared).await?;
    let request = history.request();
    let page = queries.history(&history.entity.entity_type, &history.entity.id, &request).await?;
    let mut out = Out::stdout(shared.no_color);
    if history.json {
        write_json(&mut out, &page, &request)?;
    } else {
        write(&mut out, &page, request.page.unwrap_or(1));
    }
    out.finish()?;
    Ok(Exit::Success)
}

fn write_json(out: &mut Out, page: &Page<HistoryEvent>, request: &HistoryRequest) -> Result<(), Failure> {
    let failure = |error: serde_json::Error| Failure::new(format!("cannot write the history as JSON: {error}"));
    let results = serde_json::to_value(&page.results).map_err(failure)?;
    let (number, size) = (request.page.unwrap_or(1), request.page_size.unwrap_or(DEFAULT_PAGE_SIZE));
    let count = page.count;
    out.line(pretty(&json!({ "count": count, "page": number, "page_size": size, "results": results })));
    Ok(())
}

/// A table of the events, each with what it changed below it.
fn write(out: &mut Out, page: &Page<HistoryEvent>, number: u64) {
    let mut table = Table::new(&["version", "event", "timestamp", "recorded_at", "source", "notes"]);
    for event in &page.results {
        table.row(cells(event));
    }
    let mut lines = table.lines(out.style()).into_iter();
    out.line(lines.next().unwrap_or_default());
    for (line, event) in lines.zip(&page.results) {
        out.line(line);
        write_details(out, event);
    }
    let count = page.count.map(|count| format!(" of {count}")).unwrap_or_default();
    out.line(out.paint(Paint::Dim, &format!("page {number}, {}{count}", page.results.len())));
}

fn cells(event: &HistoryEvent) -> [(Paint, String); 6] {
    let mut notes = Vec::new();
    if event.late {
        notes.push("late".to_owned());
    }
    match event.warnings.len() {
        0 => {}
        1 => notes.push("1 warning".to_owned()),
        count => notes.push(format!("{count} warnings")),
    }
    let source = serde_json::to_value(event.source).unwrap_or_default();
    [
        (Paint::Plain, event.version.to_string()),
        (Paint::Green, event.event_type.to_string()),
        (Paint::Plain, event.timestamp.to_string()),
        (Paint::Dim, event.recorded_at.to_string()),
        (Paint::Plain, source.as_str().unwrap_or_default().to_owned()),
        (Paint::Yellow, notes.join(", ")),
    ]
}

fn write_details(out: &mut Out, event: &HistoryEvent) {
    for (field, change) in &event.changes {
        let side = |name: &str| cell(change.get(name).unwrap_or(&Value::Null), MAX_CELL);
        out.line(format_args!("    {}: {} → {}", plain(field), side("from"), side("to")));
    }
    for warning in &event.warnings {
        let warning = out.paint(Paint::Yellow, &format!("! {}", plain(&warning.to_string())));
        out.line(format_args!("    {warning}"));
    }
    if let Some(data) = &event.data {
        out.line(format_args!("    {}", plain(data.get())));
    }
}
