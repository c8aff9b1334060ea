//! Quarantine: entries, their states, and when they may go.
//!
//! Promises that an open entry never expires, nor a chunk of its body; and that a settled one goes
//! 30 days after, its chunks a day later. From that second on it counts as gone, though DynamoDB
//! removes it some time after: the same input is then a new entry, with the body it came with.

use annals_application::ports::{PortError, PortErrorKind, QuarantineEntry, QuarantineState};
use annals_domain::validation_issue::ValidationIssue;

use crate::state_store::chunks;
use crate::state_store::items::{Attributes, Item, Table, Verdict, number, text};
use crate::state_store::lists::{Filter, List, newest_first};
use crate::state_store::table::EXPIRES_AT;

/// Where everything is refused (another org's events, say), entries come as fast as events do.
const ENTRIES: List = List { name: "quarantine", partitions: 8 };

/// How long a settled entry is kept.
const KEPT_SECONDS: i64 = 30 * 24 * 60 * 60;

/// How many bytes of errors are kept, as JSON. What a list's index holds counts towards an item's
/// 400 KB once more; and nobody reads further.
const ERROR_BYTES: usize = 64 * 1024;

/// Beside what the entry itself says, for filters.
const STATE: &str = "entry_state";

pub(crate) async fn add(table: &Table, new: &QuarantineEntry) -> Result<QuarantineEntry, PortError> {
    let place = ENTRIES.place(&new.id);
    let new = QuarantineEntry { errors: first_of(&new.errors), ..new.clone() };
    let open_it = |found: Option<&Item>| {
        let Some(item) = found.filter(|item| is_kept(table, item)) else {
            return Ok(Verdict::Put(open(table, new.clone(), None)?));
        };
        let there: QuarantineEntry = table.read(item)?;
        if there.state == QuarantineState::Open && there.errors == new.errors {
            return Ok(Verdict::Leave);
        }
        let opened = QuarantineEntry { errors: new.errors.clone(), ..there };
        Ok(Verdict::Put(open(table, opened, Some(item))?))
    };
    let item = table.revise(&place, None, open_it).await?;
    let item = item.ok_or_else(|| table.corrupt(&place, "it is gone that was just written"))?;
    let entry: QuarantineEntry = table.read(&item)?;
    chunks::free(table, &item, &entry).await?;
    Ok(entry)
}

pub(crate) async fn entry(table: &Table, id: &str) -> Result<Option<QuarantineEntry>, PortError> {
    let item = table.get(&ENTRIES.place(id)).await?.filter(|item| is_kept(table, item));
    item.map(|item| table.read(&item)).transpose()
}

pub(crate) async fn set(
    table: &Table,
    id: &str,
    state: QuarantineState,
    errors: Option<&[ValidationIssue]>,
) -> Result<(), PortError> {
    let place = ENTRIES.place(id);
    let set_it = |found: Option<&Item>| {
        let Some(item) = found.filter(|item| is_kept(table, item)) else { return Ok(Verdict::Leave) };
        let mut there: QuarantineEntry = table.read(item)?;
        if let Some(errors) = errors {
            there.errors = first_of(errors);
        }
        there.state = state;
        Ok(Verdict::Put(match state {
            QuarantineState::Open => open(table, there, Some(item))?,
            QuarantineState::Redriven | QuarantineState::Dismissed => settled(table, &there)?,
        }))
    };
    let found = table.get(&place).await?;
    let Some(item) = table.revise(&place, found, set_it).await?.filter(|item| is_kept(table, item)) else {
        return Ok(());
    };
    let entry: QuarantineEntry = table.read(&item)?;
    match entry.state {
        QuarantineState::Open => chunks::free(table, &item, &entry).await,
        QuarantineState::Redriven | QuarantineState::Dismissed => chunks::let_go(table, &item, &entry).await,
    }
}

pub(crate) async fn list(
    table: &Table,
    state: Option<QuarantineState>,
    offset: u64,
    limit: u64,
) -> Result<(Vec<QuarantineEntry>, u64), PortError> {
    let most = usize::try_from(offset.saturating_add(limit)).unwrap_or(usize::MAX);
    // A page that is empty anyway needs no entries, only their number.
    let most = if limit == 0 { 0 } else { most };
    let (items, count) = table.first_and_count(&ENTRIES, &filter(table, state)?, most).await?;
    let offset = usize::try_from(offset).unwrap_or(usize::MAX);
    let entries: Result<_, PortError> = items.iter().skip(offset).map(|item| table.read(item)).collect();
    Ok((entries?, count))
}

/// The errors, or as many of them as there is room for and a word on the others.
fn first_of(errors: &[ValidationIssue]) -> Vec<ValidationIssue> {
    let mut room = ERROR_BYTES;
    let fits = |error: &&ValidationIssue| {
        let size = serde_json::to_vec(error).map_or(ERROR_BYTES, |json| json.len() + 1);
        room.checked_sub(size).inspect(|left| room = *left).is_some()
    };
    let mut kept: Vec<ValidationIssue> = errors.iter().take_while(fits).cloned().collect();
    if kept.len() < errors.len() {
        kept.push(ValidationIssue::new("", format!("{} more errors are not kept", errors.len() - kept.len())));
    }
    kept
}

fn filter(table: &Table, state: Option<QuarantineState>) -> Result<Filter, PortError> {
    let mut expression = "(attribute_not_exists(expires_at) OR expires_at > :now)".to_owned();
    let mut values = Attributes::from([(":now".to_owned(), number(table.now_seconds()))]);
    if let Some(state) = state {
        expression.push_str(" AND entry_state = :state");
        values.insert(":state".to_owned(), text(name_of(table, state)?));
    }
    Ok(Filter { expression: Some(expression), values })
}

fn is_kept(table: &Table, item: &Item) -> bool {
    item.number(EXPIRES_AT).is_none_or(|at| at > table.now_seconds())
}

/// An open entry. What is known of its chunks' expiry stays with it until they are freed of it.
fn open(table: &Table, mut entry: QuarantineEntry, there: Option<&Item>) -> Result<Item, PortError> {
    entry.state = QuarantineState::Open;
    let item = item(table, &entry)?;
    Ok(match there.and_then(chunks::bound) {
        Some(at) => item.with(chunks::BOUND, number(at)),
        None => item,
    })
}

/// An entry that may go, and whose chunks may follow it.
fn settled(table: &Table, entry: &QuarantineEntry) -> Result<Item, PortError> {
    let at = table.now_seconds() + KEPT_SECONDS;
    Ok(item(table, entry)?.with(EXPIRES_AT, number(at)).with(chunks::BOUND, number(at)))
}

fn item(table: &Table, entry: &QuarantineEntry) -> Result<Item, PortError> {
    let item = Item::of(&ENTRIES.place(&entry.id), entry).map_err(|error| table.rejected(error))?;
    let item = item.with(STATE, text(name_of(table, entry.state)?));
    Ok(item.listed_at(newest_first(entry.received_at, &entry.id)))
}

fn name_of(table: &Table, state: QuarantineState) -> Result<String, PortError> {
    match serde_json::to_value(state) {
        Ok(serde_json::Value::String(name)) => Ok(name),
        _ => Err(PortError::new(PortErrorKind::Rejected, &table.name, "a state has no name")),
    }
}
