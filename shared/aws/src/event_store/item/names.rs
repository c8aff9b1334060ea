//! The names of an item's attributes. They are stored with every event, so they are short and never change.

use crate::event_store::table::VERSION;

/// The event id, unique per change at its source: 16 bytes.
pub(crate) const EVENT_ID: &str = "id";
/// When the CRM committed it: milliseconds since 1970.
pub(crate) const TIME: &str = "time";
/// The stream head after this event: a map.
pub(crate) const HEAD: &str = "head";
/// Absent for an update.
pub(super) const TYPE: &str = "type";
/// The rank among events of the same timestamp; absent for a change.
pub(crate) const RANK: &str = "rank";
pub(super) const COMMIT: &str = "commit";
/// The sequence number in the source's transaction.
pub(super) const SEQUENCE: &str = "seq";
/// The way by which the change arrived; absent for change data capture.
pub(super) const SOURCE: &str = "source";
pub(super) const FORM: &str = "form";
pub(super) const PROVIDER: &str = "crm";
pub(super) const EXTERNAL_ID: &str = "external_id";
pub(super) const USER: &str = "user";
/// The client that made the change.
pub(super) const ORIGIN: &str = "origin";
/// The source's transaction: 16 bytes if it is a UUID, otherwise a string.
pub(super) const TRANSACTION: &str = "txn";
/// The correlation id, in the form of the transaction. Absent if it equals the transaction, as it mostly does; null if
/// there is a transaction but no correlation id.
pub(super) const CORRELATION: &str = "corr";
/// The command that stored the event, in the form of the transaction.
pub(super) const CAUSATION: &str = "cause";
pub(super) const MERGED_INTO: &str = "merged_into";
/// True if a record image with the same timestamp was stored before; otherwise absent.
pub(super) const MEETS_IMAGE: &str = "meets_image";
/// The parts of a record image that stand at its time of reading; otherwise absent.
pub(super) const OBSERVED: &str = "observed";
pub(super) const WARNINGS: &str = "warnings";
pub(super) const DATA: &str = "data";
/// The input instead, compressed: a binary of zstd with dictionary number 2.
pub(super) const DATA_2: &str = "data_2";
/// The same with dictionary number 1, of earlier events.
pub(super) const DATA_1: &str = "data_1";

/// Whether an input is read with its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecordPart {
    Read,
    LeftOut,
}

pub(crate) const HEAD_ATTRIBUTES: [&str; 4] = [VERSION, EVENT_ID, TIME, HEAD];

/// What of an input differs from event to event. Those that are absent in an event have a default.
const INPUT_ATTRIBUTES: [&str; 12] =
    [VERSION, TYPE, EVENT_ID, TIME, RANK, COMMIT, SEQUENCE, SOURCE, OBSERVED, DATA, DATA_2, DATA_1];

/// The record, which all events of a stream repeat.
const RECORD_ATTRIBUTES: [&str; 2] = [PROVIDER, EXTERNAL_ID];

/// The attributes that [`decode_input`](super::decode_input) needs, each with its alias for a projection expression:
/// some names are reserved there.
pub(crate) fn input_attributes(record: RecordPart) -> impl Iterator<Item = (String, &'static str)> {
    let of_record = RECORD_ATTRIBUTES.into_iter().filter(move |_| record == RecordPart::Read);
    let names = INPUT_ATTRIBUTES.into_iter().chain(of_record);
    names.enumerate().map(|(index, name)| (format!("#input{index}"), name))
}
