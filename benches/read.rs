//! Reads one entity and one page of a list among 100,000 entities, through the use cases.
//!
//! Floor: the same SQL in prepared statements on a separate connection. Required: less than 1 ms added.

use std::sync::Arc;
use std::time::Duration;

use annals_application::ports::{Document, ReadModel};
use annals_application::queries::{FilterRequest, ListRequest};
use annals_benches::{is_small, pair, per_call};
use annals_domain::definition::EntitySchema;
use annals_domain::entity::{Entity, FieldValue};
use annals_domain::identity::{AggregateId, AggregateType, EntityName, ExternalId, Provider, ProviderAccount};
use annals_domain::position::Version;
use annals_domain::search_text::search_text;
use annals_domain::timestamp::Timestamp;
use annals_sqlite::process::{LocalProcess, ProcessSettings, PublishTo};
use annals_sqlite::{Database, SqliteReadModel};
use anyhow::{Context, Result};
use rusqlite::Connection;
use tokio::runtime::Runtime;

fn client(number: usize, schema: &EntitySchema) -> Result<Document> {
    let external_id = ExternalId::new(format!("001{number:012}AAA"));
    let object = EntityName::new("Account");
    let text = |text: String| FieldValue::Text(text.into());
    let timestamp = Timestamp::from_millis(1_767_225_600_000 + i64::try_from(number)? * 1_000)?;
    let fields = [
        ("id", text(external_id.to_string())),
        ("name", text(format!("Company number {number}"))),
        ("status", text(["Active", "Inactive", "Pending"][number % 3].to_owned())),
        ("currency", text("EUR".to_owned())),
        ("billing_country", text(format!("Country {}", number % 190))),
        ("description", text(format!("Makes {number} kinds of things in a town by the sea."))),
        ("is_deleted", FieldValue::Bool(false)),
        ("created_date", FieldValue::Timestamp(timestamp)),
    ];
    let entity = Entity {
        aggregate_type: AggregateType::new("client"),
        aggregate_id: AggregateId::of(Provider::Salesforce, &ProviderAccount::unset(), &object, &external_id),
        entity_name: object,
        provider: Provider::Salesforce,
        external_id,
        version: Version::FIRST,
        created_at: Some(timestamp),
        updated_at: Some(timestamp),
        is_deleted: false,
        stale: None,
        fields: fields.map(|(name, value)| (Arc::from(name), value)).to_vec(),
        warnings: Vec::new(),
        unknown: Vec::new(),
    };
    Ok(Document { search_text: search_text(&entity, schema), schema: schema.clone(), entity: Arc::new(entity) })
}

async fn fill(process: &LocalProcess, settings: &ProcessSettings, count: usize) -> Result<()> {
    let model = SqliteReadModel::open(Database::open(&settings.db)?, &process.catalog).await?;
    let schema = EntitySchema::Defined(Arc::clone(process.catalog.named("client").context("the client ships")?));
    for start in (0..count).step_by(5_000) {
        let documents = (start..count.min(start + 5_000)).map(|number| client(number, &schema));
        model.index(documents.collect::<Result<_>>()?).await?;
    }
    Ok(())
}

/// Measures a pair whose `subject` is the use case, and prints both medians and their difference.
fn compare(name: &str, floor: impl FnMut() -> Duration, subject: impl FnMut() -> Duration) {
    let (floor, subject) = pair(name, floor, subject);
    let added = subject.median().saturating_sub(floor.median());
    println!("  added {:.3} ms (must be under 1)", added.as_secs_f64() * 1e3);
}

fn main() -> Result<()> {
    let count = if is_small() { 2_000 } else { 100_000 };
    let folder = tempfile::tempdir()?;
    let db = folder.path().join("annals.db");
    let settings =
        ProcessSettings { db: db.clone(), entities: None, salesforce_org: None, publish: PublishTo::Nowhere };
    let runtime = Runtime::new()?;
    let process = runtime.block_on(LocalProcess::open(&settings))?;
    runtime.block_on(fill(&process, &settings, count))?;
    let by_hand = Connection::open(&db)?;
    let table: String = by_hand.query_row(
        "SELECT 'entity_client_' || number FROM read_model WHERE name = 'client' AND state = 'current'",
        [],
        |row| row.get(0),
    )?;
    let id = format!("001{:012}AAA", count / 2);
    let key = AggregateId::of(
        Provider::Salesforce,
        &ProviderAccount::unset(),
        &EntityName::new("Account"),
        &ExternalId::new(id.as_str()),
    );
    let queries = &process.queries;

    let sql = format!("SELECT aggregate_id, version, doc FROM {table} WHERE aggregate_id = ?");
    let mut get = by_hand.prepare(&sql)?;
    compare(
        &format!("get of one among {count} entities (floor: the same SQL by hand)"),
        || per_call(|| get.query_row([key.uuid().as_bytes()], |row| row.get::<_, String>(2)).map(|doc| doc.len()).ok()),
        || per_call(|| runtime.block_on(queries.get("clients", &id)).map(|document| document.json.get().len()).ok()),
    );

    let order = "ORDER BY created_at DESC NULLS LAST, aggregate_id ASC LIMIT 20 OFFSET 0";
    for (name, request, condition) in [
        ("list of 20, newest first", ListRequest::default(), "is_deleted = 0"),
        (
            "list of 20 with an equality filter",
            ListRequest { filters: vec![FilterRequest::equals("status", "Inactive")], ..ListRequest::default() },
            "is_deleted = 0 AND f_status = 'Inactive'",
        ),
    ] {
        let mut list =
            by_hand.prepare(&format!("SELECT aggregate_id, version, doc FROM {table} WHERE {condition} {order}"))?;
        let mut total = by_hand.prepare(&format!("SELECT count(*) FROM {table} WHERE {condition}"))?;
        let mut by_hand = || -> Result<usize> {
            let docs = list.query_map([], |row| row.get::<_, String>(2))?;
            let length: usize = docs.map(|doc| doc.map(|doc| doc.len())).sum::<rusqlite::Result<usize>>()?;
            Ok(length + usize::try_from(total.query_row([], |row| row.get::<_, i64>(0))?)?)
        };
        compare(
            &format!("{name}, with its count, over {count} entities (floor: the same SQL by hand)"),
            || per_call(|| by_hand().ok()),
            || per_call(|| runtime.block_on(queries.list("clients", &request)).map(|found| found.count).ok()),
        );
    }
    Ok(())
}
