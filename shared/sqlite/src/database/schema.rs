//! The tables, and the steps from each release's tables to the next one's.
//!
//! The tables of entities are not here: they follow from the definitions, and can be made anew.

use rusqlite::Transaction;

/// Marks our files: `ANNL`.
pub(super) const APPLICATION_ID: i64 = 0x414e_4e4c;

/// The newest schema.
pub(super) const VERSION: i64 = STEPS.len() as i64;

/// One a version. What was released is never changed here; what changes is a new step.
const STEPS: [&str; 3] = [include_str!("schema_1.sql"), include_str!("schema_2.sql"), include_str!("schema_3.sql")];

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

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    #[test]
    fn a_file_of_each_earlier_schema_is_brought_to_this_one_and_keeps_its_rows() {
        let schema = |connection: &Connection| -> Vec<String> {
            let sql = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name";
            let mut statement = connection.prepare(sql).unwrap();
            statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
        };
        let made = |from: usize| {
            let mut connection = Connection::open_in_memory().unwrap();
            for step in &STEPS[..from] {
                connection.execute_batch(step).unwrap();
            }
            if from > 0 {
                connection.execute_batch("INSERT INTO object VALUES ('salesforce', 'Account')").unwrap();
            }
            let transaction = connection.transaction().unwrap();
            migrate(&transaction, i64::try_from(from).unwrap()).unwrap();
            transaction.commit().unwrap();
            connection
        };
        let new = schema(&made(0));
        for from in 1..STEPS.len() {
            let connection = made(from);
            assert_eq!(schema(&connection), new, "from schema {from}");
            let rows = connection.query_row("SELECT count(*) FROM object", [], |row| row.get(0));
            assert_eq!(rows, Ok(1_i64), "from schema {from}");
            let version = connection.pragma_query_value(None, "user_version", |row| row.get(0));
            assert_eq!(version, Ok(VERSION), "from schema {from}");
        }
    }
}
