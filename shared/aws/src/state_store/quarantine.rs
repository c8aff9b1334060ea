//! Quarantine: one listed item an entry; its chunks are in [`super::chunks`].
//!
//! An open entry never expires, nor does a chunk of its body. A redriven or dismissed one expires
//! after 30 days, its chunks a day later. From that second on it counts as gone, though DynamoDB
//! deletes it some time later: the same input is then a new entry, with the body that it came with.

use annals_application::ports::{
    PortError, PortErrorKind, QuarantineEntry, QuarantinePlace, QuarantineState, QuarantineStore,
};
use annals_domain::timestamp::Timestamp;
use annals_domain::validation_issue::ValidationIssue;
use async_trait::async_trait;
use uuid::Uuid;

use super::DynamoStateStore;
use super::chunks;
use super::items::{Attributes, Item, Revision, StateTable, number, text};
use super::lists::{Filter, List, newest_first};
use super::orphans;
use super::table::EXPIRES_AT;

/// Eight partitions, since entries can come as fast as events do: for example when all events are
/// those of another org.
const ENTRIES: List = List { name: "quarantine", partitions: 8 };

const DECIDED_STAYS_SECONDS: i64 = 30 * 24 * 60 * 60;

/// How many bytes of errors are stored, as JSON. The list's index counts them towards the item's
/// 400 KB a second time, and nobody reads that many errors.
const ERROR_BYTES: usize = 64 * 1024;

const STATE: &str = "entry_state";

#[async_trait]
impl QuarantineStore for DynamoStateStore {
    fn name(&self) -> &str {
        &self.table.name
    }

    async fn put_chunk(&self, body: Uuid, number: u32, at: Timestamp, bytes: Vec<u8>) -> Result<(), PortError> {
        // Most bodies are one chunk, which is followed by its entry at once.
        if number == 1 {
            orphans::announce(&self.table, body, at).await?;
        }
        chunks::put(&self.table, body, number, &bytes).await
    }

    async fn chunk(&self, body: Uuid, number: u32) -> Result<Option<Vec<u8>>, PortError> {
        chunks::get(&self.table, body, number).await
    }

    async fn delete_chunks(&self, body: Uuid) -> Result<(), PortError> {
        chunks::delete_all(&self.table, body).await?;
        orphans::forget(&self.table, body).await
    }

    async fn add(&self, entry: QuarantineEntry) -> Result<QuarantineEntry, PortError> {
        let (table, key) = (&*self.table, ENTRIES.key(&entry.id));
        let (body, is_announced) = (entry.body_id, entry.chunks > 1);
        if is_announced {
            orphans::belongs_to(table, body, &entry.id, entry.received_at).await?;
        }
        let new = QuarantineEntry { errors: shortened(&entry.errors), ..entry };
        let add_or_open = |found: Option<&Item>| {
            let Some(item) = found.filter(|item| !is_expired(table, item)) else {
                return Ok(Revision::Put(open(table, new.clone(), None)?));
            };
            let stored: QuarantineEntry = table.read(item)?;
            if stored.state == QuarantineState::Open && stored.errors == new.errors {
                return Ok(Revision::Keep);
            }
            let opened = QuarantineEntry { errors: new.errors.clone(), ..stored };
            Ok(Revision::Put(open(table, opened, Some(item))?))
        };
        let item = table.revise(&key, None, add_or_open).await?;
        let item = item.ok_or_else(|| table.corrupt(&key, "the entry that was just written is missing"))?;
        let entry: QuarantineEntry = table.read(&item)?;
        chunks::remove_expiry(table, &item, &entry).await?;
        if is_announced && entry.body_id == body {
            orphans::forget(table, body).await?;
        }
        Ok(entry)
    }

    async fn get(&self, id: &str) -> Result<Option<QuarantineEntry>, PortError> {
        let item = self.table.get(&ENTRIES.key(id)).await?.filter(|item| !is_expired(&self.table, item));
        item.map(|item| self.table.read(&item)).transpose()
    }

    async fn list(
        &self,
        state: Option<QuarantineState>,
        after: Option<&QuarantinePlace>,
        limit: usize,
    ) -> Result<Vec<QuarantineEntry>, PortError> {
        let after = after.map(|place| newest_first(place.received_at, &place.id));
        let items = self.table.after(&ENTRIES, &filter(&self.table, state)?, after.as_deref(), limit).await?;
        items.iter().map(|item| self.table.read(item)).collect()
    }

    async fn count(&self, state: Option<QuarantineState>, at_most: usize) -> Result<usize, PortError> {
        self.table.count(&ENTRIES, &filter(&self.table, state)?, at_most).await
    }

    async fn remove_orphans(&self, before: Timestamp) -> Result<usize, PortError> {
        let mut removed = 0;
        for orphan in orphans::older_than(&self.table, before).await? {
            let entry = match &orphan.entry_id {
                Some(id) => self.get(id).await?,
                None => None,
            };
            if entry.is_none_or(|entry| entry.body_id != orphan.body_id) {
                chunks::delete_all(&self.table, orphan.body_id).await?;
                removed += 1;
            }
            orphans::forget(&self.table, orphan.body_id).await?;
        }
        Ok(removed)
    }

    async fn set_state(
        &self,
        id: &str,
        state: QuarantineState,
        errors: Option<Vec<ValidationIssue>>,
    ) -> Result<(), PortError> {
        let (table, key) = (&*self.table, ENTRIES.key(id));
        let errors = errors.as_deref().map(shortened);
        let with_state = |found: Option<&Item>| {
            let Some(item) = found.filter(|item| !is_expired(table, item)) else { return Ok(Revision::Keep) };
            let mut entry: QuarantineEntry = table.read(item)?;
            if let Some(errors) = &errors {
                entry.errors.clone_from(errors);
            }
            entry.state = state;
            Ok(Revision::Put(match state {
                QuarantineState::Open => open(table, entry, Some(item))?,
                QuarantineState::Redriven | QuarantineState::Dismissed => decided(table, &entry)?,
            }))
        };
        let found = table.get(&key).await?;
        let Some(item) = table.revise(&key, found, with_state).await?.filter(|item| !is_expired(table, item)) else {
            return Ok(());
        };
        let entry: QuarantineEntry = table.read(&item)?;
        match entry.state {
            QuarantineState::Open => chunks::remove_expiry(table, &item, &entry).await,
            QuarantineState::Redriven | QuarantineState::Dismissed => chunks::set_expiry(table, &item, &entry).await,
        }
    }
}

/// The errors, or as many of them as are stored, and the number of the others.
fn shortened(errors: &[ValidationIssue]) -> Vec<ValidationIssue> {
    let mut bytes_left = ERROR_BYTES;
    let has_room = |error: &&ValidationIssue| {
        let size = serde_json::to_vec(error).map_or(ERROR_BYTES, |json| json.len() + 1);
        bytes_left.checked_sub(size).inspect(|left| bytes_left = *left).is_some()
    };
    let mut stored: Vec<ValidationIssue> = errors.iter().take_while(has_room).cloned().collect();
    if stored.len() < errors.len() {
        stored.push(ValidationIssue::new("", format!("{} more errors are not stored", errors.len() - stored.len())));
    }
    stored
}

fn filter(table: &StateTable, state: Option<QuarantineState>) -> Result<Filter, PortError> {
    let mut expression = "(attribute_not_exists(expires_at) OR expires_at > :now)".to_owned();
    let mut values = Attributes::from([(":now".to_owned(), number(table.now_seconds()))]);
    if let Some(state) = state {
        expression.push_str(" AND entry_state = :state");
        values.insert(":state".to_owned(), text(name_of(table, state)?));
    }
    Ok(Filter { expression: Some(expression), values })
}

fn is_expired(table: &StateTable, item: &Item) -> bool {
    item.number(EXPIRES_AT).is_some_and(|at| at <= table.now_seconds())
}

/// An open entry. It keeps the mark that its chunks may have an expiry, until that is removed.
fn open(table: &StateTable, mut entry: QuarantineEntry, stored: Option<&Item>) -> Result<Item, PortError> {
    entry.state = QuarantineState::Open;
    let item = item_of(table, &entry)?;
    Ok(match stored.and_then(chunks::expiry_mark) {
        Some(at) => item.with(chunks::EXPIRY_MARK, number(at)),
        None => item,
    })
}

/// A redriven or dismissed entry: it expires, and its chunks may.
fn decided(table: &StateTable, entry: &QuarantineEntry) -> Result<Item, PortError> {
    let at = table.now_seconds() + DECIDED_STAYS_SECONDS;
    Ok(item_of(table, entry)?.with(EXPIRES_AT, number(at)).with(chunks::EXPIRY_MARK, number(at)))
}

fn item_of(table: &StateTable, entry: &QuarantineEntry) -> Result<Item, PortError> {
    let item = Item::of(&ENTRIES.key(&entry.id), entry).map_err(|error| table.rejected(error))?;
    let item = item.with(STATE, text(name_of(table, entry.state)?));
    Ok(item.listed_as(newest_first(entry.received_at, &entry.id)))
}

fn name_of(table: &StateTable, state: QuarantineState) -> Result<String, PortError> {
    match serde_json::to_value(state) {
        Ok(serde_json::Value::String(name)) => Ok(name),
        _ => Err(PortError::new(PortErrorKind::Rejected, &table.name, "quarantine state without a name")),
    }
}
