//! What differs between two moments of an entity, field by field, and which event set the later value.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use annals_domain::aggregate::Aggregate;
use annals_domain::entity_changes::EntityChanges;
use annals_domain::mapping;
use annals_domain::timestamp::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::error::QueryError;
use super::moment::{Known, Moment, MomentRequest, timestamp_or_day_end};
use super::provenance::SetBy;
use super::resolve::ResolvedId;
use super::time_travel::{FoundState, TimeTravel, checked};

/// One side of a comparison: a time by the CRM's clock, or a version. As text, `version:N` is a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiffPoint {
    /// All events that the CRM committed at this time or earlier.
    Timestamp(Timestamp),
    /// All events up to this version.
    Version(u64),
}

/// A text that names no moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid value `{0}`: expected a timestamp such as 2024-04-09T20:19:25Z, a date, or a version such as version:3"
)]
pub struct InvalidDiffPoint(String);

impl FromStr for DiffPoint {
    type Err = InvalidDiffPoint;

    fn from_str(text: &str) -> Result<Self, InvalidDiffPoint> {
        let invalid = || InvalidDiffPoint(text.to_owned());
        match text.strip_prefix("version:") {
            Some(number) if number.bytes().all(|byte| byte.is_ascii_digit()) => {
                number.parse().ok().filter(|number| *number > 0).map(Self::Version).ok_or_else(invalid)
            }
            Some(_) => Err(invalid()),
            None => timestamp_or_day_end(text).map(Self::Timestamp).ok_or_else(invalid),
        }
    }
}

impl fmt::Display for DiffPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timestamp(timestamp) => timestamp.fmt(f),
            Self::Version(version) => write!(f, "version:{version}"),
        }
    }
}

impl Serialize for DiffPoint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl From<DiffPoint> for MomentRequest {
    fn from(point: DiffPoint) -> Self {
        match point {
            DiffPoint::Timestamp(as_of) => Self { as_of: Some(as_of), ..Self::default() },
            DiffPoint::Version(version) => Self { version: Some(version), ..Self::default() },
        }
    }
}

/// What differs between two moments of an entity.
#[derive(Debug, Serialize)]
pub struct EntityDiff {
    /// The moment before.
    pub from: DiffPoint,
    /// The moment after: the newest version if the request names none.
    pub to: DiffPoint,
    /// For each field that differs `{from, to, set_by}`, in the order of the schema. `set_by` is the event that decided
    /// the value of `to`, null if none did.
    pub changes: Map<String, Value>,
}

impl TimeTravel {
    /// What differs between two moments. Before the first event of the entity, all its fields are null. Fails for `to` as
    /// [`Self::get`] does, and for a version that the entity does not have.
    pub async fn diff(
        &self,
        entity_type: &str,
        id: &str,
        from: DiffPoint,
        to: Option<DiffPoint>,
    ) -> Result<EntityDiff, QueryError> {
        let moments = (checked(&from.into())?, to.map(|to| checked(&to.into())).transpose()?.unwrap_or_default());
        let resolved = self.resolver.resolve(entity_type, id).await?;
        let before = self.before(&resolved, id, &moments.0).await?;
        let found = self.find(resolved, id, &moments.1).await?;
        let after = self.entity(&found, id)?;
        let before = match &before {
            Some(state) => Some(mapping::map(state, &found.schema, self.states.adapter(state)?)),
            None => None,
        };
        let mut changes = EntityChanges::between(&found.schema, before.as_ref(), &after).to_map();
        self.add_set_by(&found, &mut changes).await?;
        let newest = DiffPoint::Version(found.past.state.version().get());
        Ok(EntityDiff { from, to: to.unwrap_or(newest), changes })
    }

    /// The state before; `None` if no event had been committed by then.
    async fn before(&self, resolved: &ResolvedId, id: &str, moment: &Moment) -> Result<Option<Aggregate>, QueryError> {
        match self.first_state(resolved, moment).await? {
            Some((_, past)) => Ok(Some(past.state)),
            None if matches!(moment.known, Known::Version(_)) => Err(self.not_there(resolved, id, moment).await?),
            None => Ok(None),
        }
    }

    async fn add_set_by(&self, found: &FoundState, changes: &mut Map<String, Value>) -> Result<(), QueryError> {
        let explanations = self.explanations(found)?;
        let decided = explanations.iter().filter(|explanation| changes.contains_key(&*explanation.field));
        let decided: Vec<_> = decided.filter_map(|one| Some((&one.field, one.decided_by?))).collect();
        let positions: BTreeSet<_> = decided.iter().map(|(_, position)| *position).collect();
        let origins = self.origins(found, positions).await?;
        for (field, change) in changes.iter_mut().filter_map(|(field, change)| Some((field, change.as_object_mut()?))) {
            let position = decided.iter().find(|(name, _)| ***name == **field).map(|(_, position)| position);
            let set_by = position.and_then(|position| origins.get(&position.event_id)).map(SetBy::from);
            change.insert("set_by".to_owned(), serde_json::to_value(set_by).unwrap_or_default());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let read = text.parse::<DiffPoint>();
        assert_eq!(read.as_ref().ok().map(ToString::to_string).as_deref(), expected, "{text}");
    }

    #[test]
    fn a_point_is_a_timestamp_a_day_or_a_version() {
        check("2024-04-09T22:19:25+02:00", Some("2024-04-09T20:19:25Z"));
        check("2024-04-09", Some("2024-04-09T23:59:59.999Z"));
        check("version:12", Some("version:12"));
        for invalid in ["2024-04-09T20:19:25", "12", "version:", "version:0", "version:-1", "version:+1", "now", ""] {
            check(invalid, None);
        }
        assert_eq!(
            "12".parse::<DiffPoint>().unwrap_err().to_string(),
            "invalid value `12`: expected a timestamp such as 2024-04-09T20:19:25Z, a date, or a version such as version:3"
        );
    }
}
