//! The schema of the file, as one migration for each version.
//!
//! The tables of the read model are not here: they follow from the definitions and can be rebuilt.

use rusqlite::Transaction;

/// Marks the files of Annals: `ANNL`.
pub(super) const APPLICATION_ID: i64 = 0x414e_4e4c;

pub(super) const VERSION: i64 = MIGRATIONS.len() as i64;

/// A released migration never changes: every change is a new one.
const MIGRATIONS: [&str; 9] = [
    include_str!("schema_1.sql"),
    include_str!("schema_2.sql"),
    include_str!("schema_3.sql"),
    include_str!("schema_4.sql"),
    include_str!("schema_5.sql"),
    include_str!("schema_6.sql"),
    include_str!("schema_7.sql"),
    include_str!("schema_8.sql"),
    include_str!("schema_9.sql"),
];

/// Migrates the file from a version to the newest.
pub(super) fn migrate(transaction: &Transaction<'_>, from: i64) -> rusqlite::Result<()> {
    let done = usize::try_from(from).unwrap_or(0);
    if done == MIGRATIONS.len() {
        return Ok(());
    }
    for migration in MIGRATIONS.iter().skip(done) {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", VERSION)
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    #[test]
    fn a_file_of_each_earlier_schema_is_migrated_and_keeps_its_rows() {
        let schema = |connection: &Connection| -> Vec<String> {
            let sql = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name";
            let mut statement = connection.prepare(sql).unwrap();
            statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
        };
        let migrated = |from: usize| {
            let mut connection = Connection::open_in_memory().unwrap();
            for migration in &MIGRATIONS[..from] {
                connection.execute_batch(migration).unwrap();
            }
            if from > 0 {
                connection.execute_batch("INSERT INTO object VALUES ('salesforce', 'Account')").unwrap();
            }
            let transaction = connection.transaction().unwrap();
            migrate(&transaction, i64::try_from(from).unwrap()).unwrap();
            transaction.commit().unwrap();
            connection
        };
        let new = schema(&migrated(0));
        for from in 1..MIGRATIONS.len() {
            let connection = migrated(from);
            assert_eq!(schema(&connection), new, "from schema {from}");
            let rows = connection.query_row("SELECT count(*) FROM object", [], |row| row.get(0));
            assert_eq!(rows, Ok(1_i64), "from schema {from}");
            let version = connection.pragma_query_value(None, "user_version", |row| row.get(0));
            assert_eq!(version, Ok(VERSION), "from schema {from}");
        }
    }
}
