//! `quarantine`: lists and shows quarantined inputs, ingests them again, or dismisses them.

use annals_application::commands::{EventRead, Outcome};
use annals_application::ports::{PortError, QuarantineEntry};
use annals_application::queries::{DEFAULT_PAGE_SIZE, QuarantineRequest, list_quarantine};
use annals_sqlite::process::ProcessTuning;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::arguments::{Page, Publish, Quarantine, Shared, StateFilter};
use crate::command_side::CommandSide;
use crate::exit::{Exit, Failure};
use crate::open::{open_to_read, open_to_write, require_database};
use crate::output::{Out, notice};
use crate::style::{Paint, paint_of, plain, short};
use crate::table::Table;

/// Characters of an id: shown in a table, needed at least to name an entry, and all of it.
const SHOWN_ID: usize = 16;
const MIN_ID: usize = 4;
const FULL_ID: usize = 64;
/// How many entries are searched at once for the beginning of an id.
const SEARCHED_AT_ONCE: usize = 200;
/// Bytes of a body that are shown with its entry; `--body` prints all.
const SHOWN_BODY: usize = 4 * 1024;
const SHOWN_BODY_JSON: usize = 1024 * 1024;

pub(crate) async fn run(shared: &Shared, command: &Quarantine) -> Result<Exit, Failure> {
    match command {
        Quarantine::List { state, page, json } => list(shared, *state, page, *json).await,
        Quarantine::Show { id, body, json } => show(shared, id, *body, *json).await,
        Quarantine::Redrive { id, json, publish } => redrive(shared, id, *json, publish).await,
        Quarantine::Dismiss { id, json } => dismiss(shared, id, *json).await,
    }
}

async fn list(shared: &Shared, state: StateFilter, page: &Page, json: bool) -> Result<Exit, Failure> {
    let commands = open_to_read(shared).await?;
    let (number, size) = (page.page.unwrap_or(1), page.page_size.unwrap_or(DEFAULT_PAGE_SIZE));
    let request =
        QuarantineRequest { state: state.state(), page: page.page, page_size: page.page_size, ..Default::default() };
    let found = list_quarantine(commands.handler.quarantine(), &request).await?;
    let (entries, count) = (found.results, found.count);
    let mut out = Out::stdout(shared.no_color);
    if json {
        let results: Vec<Value> = entries.iter().map(json_of).collect();
        let page = json!({ "count": count, "page": number, "page_size": size, "results": results });
        out.line(format_args!("{page:#}"));
    } else {
        out.table(&table(&entries));
        let count = count.map_or_else(|| "many".to_owned(), |count| count.to_string());
        out.line(out.paint(Paint::Dim, &format!("page {number}, {} of {count}", entries.len())));
    }
    out.finish()?;
    Ok(Exit::Success)
}

fn table(entries: &[QuarantineEntry]) -> Table {
    let mut table = Table::new(&["id", "provider", "received_at", "bytes", "state", "error"]);
    for entry in entries {
        let error = entry.errors.first().map(|error| short(&error.to_string(), 100)).unwrap_or_default();
        table.row([
            (Paint::Plain, entry.id.chars().take(SHOWN_ID).collect()),
            (Paint::Plain, entry.provider.to_string()),
            (Paint::Plain, entry.received_at.to_string()),
            (Paint::Plain, entry.size.to_string()),
            (Paint::Plain, state_of(entry)),
            (Paint::Red, error),
        ]);
    }
    table
}

async fn show(shared: &Shared, id: &str, only_body: bool, json: bool) -> Result<Exit, Failure> {
    let commands = open_to_read(shared).await?;
    let entry = find(&commands, id).await?;
    let max = if only_body {
        usize::MAX
    } else if json {
        SHOWN_BODY_JSON
    } else {
        SHOWN_BODY
    };
    let body = commands.handler.quarantine().body(&entry, max).await?;
    let mut out = Out::stdout(shared.no_color);
    if only_body {
        out.bytes(&body);
    } else if json {
        out.line(format_args!("{:#}", json_with_body(&entry, &body)));
    } else {
        write_entry(&mut out, &entry, &body);
    }
    out.finish()?;
    Ok(Exit::Success)
}

fn write_entry(out: &mut Out, entry: &QuarantineEntry, body: &[u8]) {
    out.line(format_args!("id           {}", entry.id));
    out.line(format_args!("provider     {}", entry.provider));
    out.line(format_args!("received at  {}", entry.received_at));
    out.line(format_args!("state        {}", state_of(entry)));
    out.line(format_args!("bytes        {}", entry.size));
    for error in &entry.errors {
        let error = out.paint(Paint::Red, &plain(&error.to_string()));
        out.line(format_args!("error        {error}"));
    }
    out.line("");
    let text = String::from_utf8_lossy(body);
    for line in text.lines() {
        out.line(plain(line));
    }
    if (body.len() as u64) < entry.size {
        let more = entry.size - body.len() as u64;
        out.line(out.paint(Paint::Dim, &format!("… and {more} more bytes; --body prints all, byte for byte")));
    }
}

async fn redrive(shared: &Shared, id: &str, json: bool, publish: &Publish) -> Result<Exit, Failure> {
    if publish.uses_stdout() {
        return Err(Failure::usage("redrive prints its results to stdout, so nothing can be published there")
            .hint("publish to a file, or use `--publish none`"));
    }
    require_database(shared)?;
    let commands = open_to_write(shared, publish, ProcessTuning::default()).await?;
    let entry = find(&commands, id).await?;
    let reads = commands.handler.redrive(&entry.id).await?;
    commands.catch_up().await?;
    let mut out = Out::stdout(shared.no_color);
    for read in &reads {
        if json { out.line(serde_json::to_value(read).unwrap_or_default()) } else { write_read(&mut out, read) }
    }
    out.finish()?;
    let is_quarantined = reads.iter().any(|read| read.outcome == Outcome::Quarantined);
    Ok(if is_quarantined { Exit::Problems } else { Exit::Success })
}

fn write_read(out: &mut Out, read: &EventRead) {
    let entity = read.aggregate_type.as_ref().map_or("-", |name| name.as_str());
    let id = read.external_id.as_ref().map_or("-", |id| id.as_str());
    let outcome = out.paint(paint_of(read.outcome), read.outcome.as_str());
    out.line(format_args!("{outcome}  {}  {}", plain(entity), plain(id)));
    for error in &read.errors {
        notice(format_args!("{}", plain(&error.to_string())));
    }
}

async fn dismiss(shared: &Shared, id: &str, json: bool) -> Result<Exit, Failure> {
    let commands = open_to_read(shared).await?;
    let quarantine = commands.handler.quarantine();
    let entry = find(&commands, id).await?;
    quarantine.dismiss(&entry.id).await?;
    let entry = quarantine.get(&entry.id).await?;
    let mut out = Out::stdout(shared.no_color);
    if json {
        out.line(format_args!("{:#}", json_of(&entry)));
    } else {
        out.line(format_args!("dismissed {}", entry.id));
    }
    out.finish()?;
    Ok(Exit::Success)
}

/// The entry with this id, or the only one whose id begins with it.
async fn find(commands: &CommandSide, id: &str) -> Result<QuarantineEntry, Failure> {
    let quarantine = commands.handler.quarantine();
    if id.len() >= FULL_ID || id.len() < MIN_ID {
        return Ok(quarantine.get(id).await?);
    }
    let mut found = beginning_with(commands, id).await?;
    match (found.pop(), found.pop()) {
        (Some(only), None) => Ok(only),
        (Some(_), Some(_)) => Err(Failure::usage(format!("the ids of several quarantined inputs begin with `{id}`"))),
        (None, _) => Ok(quarantine.get(id).await?),
    }
}

async fn beginning_with(commands: &CommandSide, beginning: &str) -> Result<Vec<QuarantineEntry>, PortError> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let entries = commands.handler.quarantine().list(None, after.as_ref(), SEARCHED_AT_ONCE).await?;
        let Some(last) = entries.last() else { return Ok(found) };
        after = Some(last.place());
        found.extend(entries.into_iter().filter(|entry| entry.id.starts_with(beginning)));
    }
}

fn state_of(entry: &QuarantineEntry) -> String {
    json!(entry.state).as_str().unwrap_or_default().to_owned()
}

/// The entry as in responses of the HTTP API.
fn json_of(entry: &QuarantineEntry) -> Value {
    json!({
        "id": entry.id,
        "provider": entry.provider,
        "received_at": entry.received_at,
        "errors": entry.errors,
        "size": entry.size,
        "state": entry.state,
    })
}

fn json_with_body(entry: &QuarantineEntry, body: &[u8]) -> Value {
    let mut json = json_of(entry);
    json["body"] = json!(String::from_utf8_lossy(body));
    if std::str::from_utf8(body).is_err() {
        json["body_base64"] = json!(STANDARD.encode(body));
    }
    if (body.len() as u64) < entry.size {
        json["body_truncated"] = json!(true);
    }
    json
}
