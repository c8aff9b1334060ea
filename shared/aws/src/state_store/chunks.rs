//! The chunks of quarantined bodies, and their expiry.
//!
//! Promises that a chunk is given an expiry only while its entry has that one, and is freed of it
//! only while its entry has none: each is one transaction with a check of the entry, so that two
//! who settle and open an entry at once cannot leave an open one without its body. An entry keeps
//! in mind ([`BOUND`]) that its chunks may have an expiry until all are freed of it, so that who is
//! cut short may simply be called again.

use annals_application::ports::{PortError, PortErrorKind, QuarantineEntry};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{CancellationReason, ConditionCheck, TransactWriteItem, Update};
use tokio::time::{Duration, sleep};
use uuid::Uuid;

use crate::state_store::items::{Item, Place, Table, number};
use crate::state_store::packed::{binary, pack, unpack};
use crate::state_store::table::EXPIRES_AT;

/// On an entry: until when its chunks are kept, as far as it ever bound them.
pub(crate) const BOUND: &str = "chunks_bound";

/// How much longer chunks are kept than their entry, so that an entry that is there has its body.
const LONGER_SECONDS: i64 = 24 * 60 * 60;

/// How often a transaction is tried that meets another one.
const ROUNDS: u32 = 8;
const PAUSE: Duration = Duration::from_millis(20);

const BYTES: &str = "bytes";

pub(crate) async fn put(table: &Table, body: Uuid, number: u32, bytes: &[u8]) -> Result<(), PortError> {
    let packed = pack(bytes).map_err(|error| table.rejected(error))?;
    table.put(Item(place(body, number).key()).with(BYTES, binary(packed))).await
}

pub(crate) async fn chunk(table: &Table, body: Uuid, number: u32) -> Result<Option<Vec<u8>>, PortError> {
    let place = place(body, number);
    let Some(item) = table.get(&place).await? else { return Ok(None) };
    let packed = item.bytes(BYTES).ok_or_else(|| table.corrupt(&place, "it has no bytes"))?;
    unpack(packed).map(Some).map_err(|error| table.corrupt(&place, error))
}

pub(crate) async fn drop_all(table: &Table, body: Uuid) -> Result<(), PortError> {
    let keys = table.found(table.query(partition(body)).projection_expression("pk, sk")).await?;
    let places: Vec<Place> = keys.iter().map(Item::place).collect();
    table.remove_all(&places).await
}

/// Until when an entry's chunks are kept, where it ever bound them.
pub(crate) fn bound(entry: &Item) -> Option<i64> {
    entry.number(BOUND)
}

/// Lets the chunks of a settled entry go after it.
pub(crate) async fn let_go(table: &Table, item: &Item, entry: &QuarantineEntry) -> Result<(), PortError> {
    let Some(at) = item.number(EXPIRES_AT) else { return Ok(()) };
    for number in 0..entry.chunks {
        if !set_expiry(table, &item.place(), &place(entry.body_id, number), Some(at)).await? {
            return Ok(());
        }
    }
    Ok(())
}

/// Keeps the chunks of an open entry for good, where they were to go.
pub(crate) async fn free(table: &Table, item: &Item, entry: &QuarantineEntry) -> Result<(), PortError> {
    let Some(at) = bound(item) else { return Ok(()) };
    for number in 0..entry.chunks {
        if !set_expiry(table, &item.place(), &place(entry.body_id, number), None).await? {
            return Ok(());
        }
    }
    forget_bound(table, &item.place(), at).await
}

/// The entry need not keep its chunks' expiry in mind any longer, unless they were bound anew.
async fn forget_bound(table: &Table, entry: &Place, at: i64) -> Result<(), PortError> {
    let request = table
        .client
        .update_item()
        .table_name(&table.name)
        .set_key(Some(entry.key()))
        .update_expression("REMOVE chunks_bound")
        .condition_expression("chunks_bound = :at AND attribute_not_exists(expires_at)")
        .expression_attribute_values(":at", number(at));
    table.held(request.send().await).map(drop)
}

/// Sets a chunk's expiry after its entry's, or takes it away; `false` where the entry has another
/// by now, and someone else sees to its chunks. A chunk that is not there stays so.
async fn set_expiry(table: &Table, entry: &Place, chunk: &Place, at: Option<i64>) -> Result<bool, PortError> {
    for round in 0..ROUNDS {
        sleep(PAUSE * round).await;
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
            // It met another transaction, or was throttled.
            _ => {}
        }
    }
    Err(PortError::new(PortErrorKind::Unavailable, &table.name, "a transaction meets others again and again"))
}

fn check(table: &Table, entry: &Place, at: Option<i64>) -> TransactWriteItem {
    let check = ConditionCheck::builder().table_name(&table.name).set_key(Some(entry.key()));
    let check = match at {
        None => check.condition_expression("attribute_exists(pk) AND attribute_not_exists(expires_at)"),
        Some(at) => check.condition_expression("expires_at = :at").expression_attribute_values(":at", number(at)),
    };
    TransactWriteItem::builder().condition_check(check.build().expect("table, key and condition are given")).build()
}

fn update(table: &Table, chunk: &Place, at: Option<i64>) -> TransactWriteItem {
    let update = Update::builder()
        .table_name(&table.name)
        .set_key(Some(chunk.key()))
        .condition_expression("attribute_exists(pk)");
    let update = match at {
        None => update.update_expression("REMOVE expires_at"),
        Some(at) => update
            .update_expression("SET expires_at = :at")
            .expression_attribute_values(":at", number(at + LONGER_SECONDS)),
    };
    TransactWriteItem::builder().update(update.build().expect("table, key and update are given")).build()
}

fn place(body: Uuid, number: u32) -> Place {
    Place::new(partition(body), format!("{number:010}"))
}

fn partition(body: Uuid) -> String {
    format!("chunk#{body}")
}
