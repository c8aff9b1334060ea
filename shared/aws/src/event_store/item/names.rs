//! The attributes' names. They are stored with every event, so they are short, and never change.

use crate::event_store::table::VERSION;

/// What makes the change unique at its source: 16 bytes.
pub(crate) const EVENT_ID: &str = "id";
/// When the CRM committed it: milliseconds since 1970.
pub(crate) const TIME: &str = "time";
/// The stream's summary up to this event: a map.
pub(crate) const HEAD: &str = "head";
/// What happened.
pub(super) const TYPE: &str = "type";
/// Where it stands among those of its timestamp; absent: a change.
pub(super) const RANK: &str = "rank";
/// The commit number at the source.
pub(super) const COMMIT: &str = "commit";
/// The number in the source's transaction.
pub(super) const SEQUENCE: &str = "seq";
/// By which way it came.
pub(super) const SOURCE: &str = "source";
/// The body's family.
pub(super) const FORM: &str = "form";
/// The CRM.
pub(super) const PROVIDER: &str = "crm";
/// The record's id there.
pub(super) const EXTERNAL_ID: &str = "external_id";
/// Who made the change.
pub(super) const USER: &str = "user";
/// By which client.
pub(super) const ORIGIN: &str = "origin";
/// The source's transaction: 16 bytes where it is a UUID, else a string.
pub(super) const TRANSACTION: &str = "txn";
/// What it belongs together with: as the transaction. Absent where that is the transaction itself,
/// as it mostly is; null where there is a transaction and this is not.
pub(super) const CORRELATION: &str = "corr";
/// The command that stored it: as the transaction.
pub(super) const CAUSATION: &str = "cause";
/// The record that this one was merged into.
pub(super) const MERGED_INTO: &str = "merged_into";
/// There, and true, where an image of its timestamp was stored before it.
pub(super) const MEETS_IMAGE: &str = "meets_image";
/// What validation found.
pub(super) const WARNINGS: &str = "warnings";
/// The input as it came: a string.
pub(super) const DATA: &str = "data";
/// The same instead, where it is compressed: a binary of zstd with the dictionary of that number.
pub(super) const DATA_1: &str = "data_1";

/// What a head is read from.
pub(crate) const OF_A_HEAD: [&str; 4] = [VERSION, EVENT_ID, TIME, HEAD];
