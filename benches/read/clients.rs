//! The clients of the benchmark: the same in every run.

use std::sync::Arc;

use annals_application::ports::{Document, ReadModel};
use annals_domain::definition::{Catalog, EntitySchema};
use annals_domain::entity::{Entity, FieldValue};
use annals_domain::identity::{AggregateId, AggregateType, EntityName, ExternalId, Provider, ProviderAccount};
use annals_domain::position::Version;
use annals_domain::search_text::search_text;
use annals_domain::timestamp::Timestamp;
use anyhow::{Context, Result};

/// The number of documents written in one call.
const DOCUMENTS_A_CALL: usize = 2_000;

/// The id in the CRM of the client of that number.
pub(crate) fn external_id(number: usize) -> String {
    format!("001{number:012}AAA")
}

pub(crate) fn aggregate_id(number: usize) -> AggregateId {
    let (object, id) = (EntityName::new("Account"), ExternalId::new(external_id(number)));
    AggregateId::of(Provider::Salesforce, &ProviderAccount::unset(), &object, &id)
}

/// When the client of that number was created: the higher its number the later.
pub(crate) fn created_at(number: usize) -> Result<Timestamp> {
    Ok(Timestamp::from_millis(1_767_225_600_000 + i64::try_from(number)? * 1_000)?)
}

pub(crate) fn schema(catalog: &Catalog) -> Result<EntitySchema> {
    Ok(EntitySchema::Defined(Arc::clone(catalog.named("client").context("the client ships")?)))
}

/// Indexes that many clients.
pub(crate) async fn fill(read_model: &dyn ReadModel, schema: &EntitySchema, count: usize) -> Result<()> {
    for start in (0..count).step_by(DOCUMENTS_A_CALL) {
        let documents = (start..count.min(start + DOCUMENTS_A_CALL)).map(|number| client(number, schema));
        read_model.index(documents.collect::<Result<_>>()?).await?;
    }
    Ok(())
}

fn client(number: usize, schema: &EntitySchema) -> Result<Document> {
    let text = |text: String| FieldValue::Text(text.into());
    let timestamp = created_at(number)?;
    let fields = [
        ("id", text(external_id(number))),
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
        aggregate_id: aggregate_id(number),
        entity_name: EntityName::new("Account"),
        provider: Provider::Salesforce,
        external_id: ExternalId::new(external_id(number)),
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
