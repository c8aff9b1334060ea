//! Reading and writing the column types that several tables share.

use annals_domain::identity::{AggregateId, EntityKey, EntityName, Provider};
use annals_domain::position::Version;
use annals_domain::timestamp::Timestamp;
use rusqlite::Row;
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::database::Failure;

pub(crate) fn text<'a>(row: &'a Row<'_>, column: usize) -> Result<&'a str, Failure> {
    row.get_ref(column)?.as_str().map_err(Failure::unreadable)
}

pub(crate) fn uuid(row: &Row<'_>, column: usize) -> Result<Uuid, Failure> {
    let bytes = row.get_ref(column)?.as_blob().map_err(Failure::unreadable)?;
    Uuid::from_slice(bytes).map_err(Failure::unreadable)
}

/// The entity key in two adjacent columns, the entity name first.
pub(crate) fn key(row: &Row<'_>, column: usize) -> Result<EntityKey, Failure> {
    let entity_name = EntityName::new(text(row, column)?);
    Ok(EntityKey { entity_name, aggregate_id: AggregateId::from_uuid(uuid(row, column + 1)?) })
}

pub(crate) fn provider(row: &Row<'_>, column: usize) -> Result<Provider, Failure> {
    text(row, column)?.parse().map_err(Failure::unreadable)
}

pub(crate) fn timestamp(row: &Row<'_>, column: usize) -> Result<Timestamp, Failure> {
    Timestamp::from_millis(row.get(column)?).map_err(Failure::unreadable)
}

pub(crate) fn version(row: &Row<'_>, column: usize) -> Result<Version, Failure> {
    unsigned(row, column).map(Version::new)
}

pub(crate) fn unsigned<T: TryFrom<i64>>(row: &Row<'_>, column: usize) -> Result<T, Failure>
where
    T::Error: std::error::Error + Send + Sync + 'static,
{
    T::try_from(row.get(column)?).map_err(Failure::unreadable)
}

pub(crate) fn json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> Result<T, Failure> {
    serde_json::from_str(text(row, column)?).map_err(Failure::unreadable)
}

/// An enum that is stored as the name of its variant.
pub(crate) fn named<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> Result<T, Failure> {
    let name = serde_json::Value::String(text(row, column)?.to_owned());
    serde_json::from_value(name).map_err(Failure::unreadable)
}

pub(crate) fn to_json<T: Serialize + ?Sized>(value: &T) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(|error| Failure::rejected(error.to_string()))
}

/// The name of a variant, as [`named`] reads it.
pub(crate) fn name_of<T: Serialize>(state: &T) -> Result<String, Failure> {
    match serde_json::to_value(state) {
        Ok(serde_json::Value::String(name)) => Ok(name),
        _ => Err(Failure::rejected("the value is not stored as a name")),
    }
}

/// A number for a column; a larger one than SQLite can store becomes the largest.
pub(crate) fn number<T>(value: T) -> i64
where
    i64: TryFrom<T>,
{
    i64::try_from(value).unwrap_or(i64::MAX)
}
