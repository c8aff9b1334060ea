//! The tables, and the steps from each release's tables to the next one's.
//!
//! The tables of entities are not here: they follow from the definitions, and can be made anew.

use rusqlite::Transaction;

/// Marks our files: `ANNL`.
pub(super) const APPLICATION_ID: i64 = 0x414e_4e4c;

/// The newest schema.
pub(super) const VERSION: i64 = STEPS.len() as i64;

/// One a version. What was released is never changed here; what changes is a new step.
const STEPS: [&str; 1] = [include_str!("schema_1.sql")];

/// Brings the file from a version to the newest.
pub(super) fn migrate(transaction: &Transaction<'_>, from: i64) -> rusqlite::Result<()> {
    let done = usize::try_from(from).unwrap_or(0);
    if done == STEPS.len() {
        return Ok(());
    }
    for step in STEPS.iter().skip(done) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", VERSION)
}
