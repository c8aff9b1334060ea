//! State in DynamoDB: snapshots, refetch tasks, backfill jobs, parked projections, quarantine, leases.
//!
//! Promises what the port promises, the strict part included: what is put is there for the next
//! reader, lists too. Does not touch the events table.
//!
//! How the table is laid out, and why:
//! - Key `pk` and `sk`. What is listed is one item, in the partition of its list, with a text
//!   `listed` that sorts as the list does; the **local** index [`LIST_INDEX`] on (`pk`, `listed`)
//!   holds just those. A local index can be read consistently, which a global one never can, and
//!   follows its item by itself, where index items of our own would need a transaction of twice the
//!   price a write and would have to be found again by their old time. Its price: one partition key
//!   may not grow past 10 GB nor be split when it is hot, and what the index holds counts towards an
//!   item's 400 KB. Therefore each list is spread over some partitions by hash, and merged when it is
//!   read; and listed items are kept small.
//! - A listed item says what it is in one attribute, `entry`, as JSON. Joins are made on that:
//!   a write's condition is that `entry` still reads as it was read. A writer that loses is given
//!   what is there now, and joins with that; each lost round is another's success, so none starves
//!   the others. The common case, nothing there yet, is one request and no read.
//! - Everything written is conditional or may be written again, so the SDK's own retries stay on.
//! - Long bodies are compressed. One that is still too long for an item is cut into parts, which are
//!   there before the item that names them and are named by their content, so that no reader ever
//!   puts parts of two writes together.
//! - `expires_at` (seconds since 1970) is set on what may go: settled quarantine after 30 days, its
//!   chunks a day later, lag notes after an hour. DynamoDB removes such items late, so they count as gone from that second on.
//!   Snapshots of older folds, and parts or chunks whose writer died half way, stay: they cost
//!   storage, and nothing reads them.

mod chunks;
mod items;
mod jobs;
mod lags;
mod leases;
mod lists;
mod objects;
mod packed;
mod pending;
mod quarantine;
mod snapshots;
mod store;
mod table;

pub use self::store::DynamoStateStore;
pub use self::table::{EXPIRES_AT, LIST_INDEX, create_table};
