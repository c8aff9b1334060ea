//! SQLite: the SQL of the read model in prepared statements, on a connection of its own.

use std::sync::Arc;

use annals_http::QueryApi;
use annals_sqlite::process::{LocalProcess, ProcessSettings, PublishTo};
use annals_sqlite::{Database, SqliteReadModel};
use anyhow::Result;
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use crate::api::Api;
use crate::clients::{aggregate_id, created_at, fill, schema};
use crate::comparison::{Floor, compare};
use crate::requests::{Kind, MeasuredRequest, PAGE, PAGES, STATUS, all, words};

const STATUS_CONDITION: &str = "k_status IN (?) AND f_status IN (?)";

/// Statements with the values of their parameters. The one that counts is the last.
type Statements = Vec<(String, Vec<Value>)>;

/// The statements of each step of a request.
struct SqlFloor<'c> {
    connection: &'c Connection,
    steps: Vec<Statements>,
}

impl Floor for SqlFloor<'_> {
    async fn send(&mut self, step: usize) -> Result<usize> {
        let (mut rows, mut count) = (None, None);
        for (sql, values) in &self.steps[step] {
            let mut statement = self.connection.prepare_cached(sql)?;
            if sql.starts_with("SELECT count") {
                count = Some(statement.query_row(params_from_iter(values), |row| row.get::<_, i64>(0))?);
                continue;
            }
            let docs = statement.query_map(params_from_iter(values), |row| row.get::<_, String>(0))?;
            rows = Some(docs.collect::<rusqlite::Result<Vec<_>>>()?.len());
        }
        Ok(rows.map_or_else(|| usize::try_from(count.unwrap_or_default()), Ok)?)
    }
}

pub(crate) async fn measure(count: usize) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let db = folder.path().join("annals.db");
    let settings =
        ProcessSettings { db: db.clone(), entities: None, salesforce_org: None, publish: PublishTo::Nowhere };
    let process = LocalProcess::open(&settings).await?;
    let read_model = SqliteReadModel::open(Database::open(&db)?, &process.catalog).await?;
    fill(&read_model, &schema(&process.catalog)?, count).await?;
    let (quarantine, health) = (process.quarantine.clone(), Arc::clone(&process.health));
    let api = Api::new(QueryApi { queries: process.queries.clone(), quarantine, health });
    let connection = Connection::open(&db)?;
    let number: i64 = connection.query_row(
        "SELECT number FROM read_model WHERE name = 'client' AND state = 'current'",
        [],
        |row| row.get(0),
    )?;
    println!("{count} entities on SQLite (floor: the same SQL on a connection of its own)");
    for request in all(count) {
        let paths = api.paths(&request).await?;
        let steps = statements(&request, number, count)?;
        let mut floor = SqlFloor { connection: &connection, steps };
        compare("SQLite", &request, (&api, &paths), &mut floor).await?;
    }
    Ok(())
}

/// The statements of each step of a request, on the tables of that number.
fn statements(request: &MeasuredRequest, number: i64, count: usize) -> Result<Vec<Statements>> {
    let table = format!("entity_client_{number}");
    let text = |text: &str| Value::Text(text.to_owned());
    let page = |condition: &str, limit: usize| {
        let order = "ORDER BY created_at DESC, aggregate_id";
        format!("SELECT doc FROM {table} WHERE +is_deleted = 0 AND {condition} {order} LIMIT {limit}")
    };
    let total = |condition: &str| format!("SELECT count(*) FROM {table} WHERE is_deleted = 0 AND {condition}");
    let status = vec![text(&STATUS.to_lowercase()), text(STATUS)];
    Ok(match request.kind {
        Kind::Get => {
            let id = Value::Blob(aggregate_id(count / 2).uuid().as_bytes().to_vec());
            vec![vec![(format!("SELECT doc FROM {table} WHERE aggregate_id = ?"), vec![id])]]
        }
        Kind::List => vec![vec![(page("created_at IS NOT NULL", 20), Vec::new()), (total("1"), Vec::new())]],
        Kind::OldestFirst => {
            let oldest = page("created_at IS NOT NULL", 20).replace("created_at DESC", "created_at");
            vec![vec![(oldest, Vec::new()), (total("1"), Vec::new())]]
        }
        Kind::Filter => {
            let condition = "created_at IS NOT NULL AND +k_status IN (?) AND +f_status IN (?)";
            vec![vec![(page(condition, 20), status.clone()), (total(STATUS_CONDITION), status)]]
        }
        Kind::Count => vec![vec![(total(STATUS_CONDITION), status)]],
        Kind::Search => {
            let words = words(count);
            let condition = format!(
                "row_id IN (SELECT rowid FROM words_client_{number} WHERE search_text MATCH ?)
                 AND instr(search_text, ?) > 0 AND instr(search_text, ?) > 0"
            );
            let phrases = words.clone().map(|word| format!("\"{word}\"")).join(" AND ");
            let values: Vec<Value> = [phrases].iter().chain(&words).map(|value| text(value)).collect();
            vec![vec![(page(&condition, 20), values.clone()), (total(&condition), values)]]
        }
        Kind::Walk => {
            let start = |page: usize| anyhow::Ok(Value::Integer(created_at(count - page * PAGE)?.millis()));
            let sql = page("created_at < ?", PAGE);
            let step = |number| anyhow::Ok(vec![(sql.clone(), vec![start(number)?]), (total("1"), Vec::new())]);
            (0..PAGES.min(count / PAGE)).map(step).collect::<Result<_>>()?
        }
    })
}
