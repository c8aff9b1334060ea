//! The chunks of quarantined bodies, and their expiry.
//!
//! A chunk's expiry is set only while its entry has the same one, and removed only while its entry
//! has none: each is one transaction with a check of the entry. So two callers who decide on and open
//! an entry at the same time cannot leave an open one without its body. An entry is marked
//! ([`EXPIRY_MARK`]) while its chunks may have an expiry: a call that stopped half way is repeated.

use annals_application::backoff::Backoff;
use annals_application::ports::{PortError, PortErrorKind, QuarantineEntry};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{CancellationReason, ConditionCheck, TransactWriteItem, Update};
use tokio::time::{Duration, sleep};
use uuid::Uuid;

use super::items::{Item, ItemKey, StateTable, number};
use super::packed::{binary, pack, unpack};
use super::table::EXPIRES_AT;

/// On an entry: the expiry that its chunks may have.
pub(super) const EXPIRY_MARK: &str = "chunks_bound";

/// How much longer chunks stay than their entry, so that an entry always has its body.
const LONGER_SECONDS: i64 = 24 * 60 * 60;

/// How often a transaction that conflicts with another one is tried, and the waits between.
const ATTEMPTS: u32 = 8;
const WAITS: Backoff = Backoff::doubling(Duration::from_millis(20), Duration::from_millis(160));

const BYTES: &str = "bytes";

pub(super) async fn put(table: &StateTable, body: Uuid, number: u32, bytes: &[u8]) -> Result<(), PortError> {
    let packed = pack(bytes).map_err(|error| table.rejected(error))?;
    table.put(Item::at(&key_of(body, number)).with(BYTES, binary(packed))).await
}

pub(super) async fn get(table: &StateTable, body: Uuid, number: u32) -> Result<Option<Vec<u8>>, PortError> {
    let key = key_of(body, number);
    let Some(item) = table.get(&key).await? else { return Ok(None) };
    let packed = item.bytes(BYTES).ok_or_else(|| table.corrupt(&key, "the chunk has no bytes"))?;
    unpack(packed).map(Some).map_err(|error| table.corrupt(&key, error))
}

pub(super) async fn delete_all(table: &StateTable, body: Uuid) -> Result<(), PortError> {
    let keys = table.found(table.query(partition(body)).projection_expression("pk, sk")).await?;
    let keys: Vec<ItemKey> = keys.iter().map(Item::key).collect();
    table.remove_all(&keys).await
}

pub(super) fn expiry_mark(entry: &Item) -> Option<i64> {
    entry.number(EXPIRY_MARK)
}

/// Sets the expiry of a decided entry's chunks: later than that of the entry.
pub(super) async fn set_expiry(table: &StateTable, item: &Item, entry: &QuarantineEntry) -> Result<(), PortError> {
    let Some(at) = item.number(EXPIRES_AT) else { return Ok(()) };
    for number in 0..entry.chunks {
        if !change_expiry(table, &item.key(), &key_of(entry.body_id, number), Some(at)).await? {
            return Ok(());
        }
    }
    Ok(())
}

/// Removes the expiry of an open entry's chunks, if they may have one.
pub(super) async fn remove_expiry(table: &StateTable, item: &Item, entry: &QuarantineEntry) -> Result<(), PortError> {
    let Some(at) = expiry_mark(item) else { return Ok(()) };
    for number in 0..entry.chunks {
        if !change_expiry(table, &item.key(), &key_of(entry.body_id, number), None).await? {
            return Ok(());
        }
    }
    remove_mark(table, &item.key(), at).await
}

/// Removes the mark, unless the entry was decided on again.
async fn remove_mark(table: &StateTable, entry: &ItemKey, at: i64) -> Result<(), PortError> {
    let request = table
        .client
        .update_item()
        .table_name(&table.name)
        .set_key(Some(entry.attributes()))
        .update_expression("REMOVE chunks_bound")
        .condition_expression("chunks_bound = :at AND attribute_not_exists(expires_at)")
        .expression_attribute_values(":at", number(at));
    table.unless_refused(request.send().await).map(drop)
}

/// Sets a chunk's expiry by that of its entry, or removes it. `false`: the entry has another expiry by
/// now, and the caller who changed it changes the chunks too. A missing chunk stays missing.
async fn change_expiry(
    table: &StateTable,
    entry: &ItemKey,
    chunk: &ItemKey,
    at: Option<i64>,
) -> Result<bool, PortError> {
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            sleep(WAITS.wait(attempt)).await;
        }
        let request = table.client.transact_write_items();
        let request = request.transact_items(check(table, entry, at)).transact_items(update(table, chunk, at));
        let Err(error) = request.send().await else { return Ok(true) };
        let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error() else {
            return Err(table.failed(error));
        };
        let refused = |reason: &CancellationReason| reason.code() == Some("ConditionalCheckFailed");
        match cancelled.cancellation_reasons() {
            [checked, _] if refused(checked) => return Ok(false),
            [_, updated] if refused(updated) => return Ok(true),
            reasons if reasons.iter().any(|reason| reason.code() == Some("ValidationError")) => {
                return Err(table.failed(error));
            }
            // It conflicted with another transaction, or was throttled.
            _ => {}
        }
    }
    Err(PortError::new(
        PortErrorKind::Unavailable,
        &table.name,
        "too many concurrent transactions on one quarantine entry",
    ))
}

fn check(table: &StateTable, entry: &ItemKey, at: Option<i64>) -> TransactWriteItem {
    let check = ConditionCheck::builder().table_name(&table.name).set_key(Some(entry.attributes()));
    let check = match at {
        None => check.condition_expression("attribute_exists(pk) AND attribute_not_exists(expires_at)"),
        Some(at) => check.condition_expression("expires_at = :at").expression_attribute_values(":at", number(at)),
    };
    TransactWriteItem::builder().condition_check(check.build().expect("table, key and condition are given")).build()
}

fn update(table: &StateTable, chunk: &ItemKey, at: Option<i64>) -> TransactWriteItem {
    let update = Update::builder()
        .table_name(&table.name)
        .set_key(Some(chunk.attributes()))
        .condition_expression("attribute_exists(pk)");
    let update = match at {
        None => update.update_expression("REMOVE expires_at"),
        Some(at) => update
            .update_expression("SET expires_at = :at")
            .expression_attribute_values(":at", number(at + LONGER_SECONDS)),
    };
    TransactWriteItem::builder().update(update.build().expect("table, key and update are given")).build()
}

fn key_of(body: Uuid, number: u32) -> ItemKey {
    ItemKey::new(partition(body), format!("{number:010}"))
}

fn partition(body: Uuid) -> String {
    format!("chunk#{body}")
}
