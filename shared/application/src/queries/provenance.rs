//! What is behind each value of an entity: the event, who made the change, and what was mapped.

use std::collections::{BTreeMap, BTreeSet};

use annals_domain::entity::EntityJson;
use annals_domain::event::Source;
use annals_domain::mapping::{self, FieldExplanation};
use annals_domain::position::{EventId, Position, Version};
use annals_domain::timestamp::Timestamp;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::error::QueryError;
use super::event_search::EventSearch;
use super::history::HistoryPosition;
use super::moment::MomentRequest;
use super::past_state::EventOrigin;
use super::time_travel::{FoundState, TimeTravel, checked, document};
use crate::ports::ReadDocument;

/// The event that set a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SetBy {
    /// The id of the event.
    pub event_id: EventId,
    /// Its version.
    pub version: Version,
    /// When the CRM committed the change.
    pub timestamp: Timestamp,
    /// The CRM user who made it.
    pub user: Option<String>,
    /// How it reached Annals.
    pub source: Source,
}

impl From<&EventOrigin> for SetBy {
    fn from(origin: &EventOrigin) -> Self {
        Self {
            event_id: origin.position.event_id,
            version: origin.version,
            timestamp: origin.position.timestamp,
            user: origin.user.clone(),
            source: origin.source,
        }
    }
}

/// The provenance of one field. Without an event, its members are null.
#[derive(Serialize)]
struct Provenance<'a> {
    event_id: Option<EventId>,
    version: Option<Version>,
    position: Option<HistoryPosition>,
    timestamp: Option<Timestamp>,
    user: Option<&'a str>,
    source: Option<Source>,
    operation: Option<&'static str>,
    provider_field: Option<&'a str>,
    raw_value: Option<&'a Value>,
}

impl<'a> Provenance<'a> {
    fn new(explanation: &'a FieldExplanation, origin: Option<&'a EventOrigin>) -> Self {
        let at = origin.map(|origin| &origin.position);
        Self {
            event_id: at.map(|at| at.event_id),
            version: origin.map(|origin| origin.version),
            position: at.map(HistoryPosition::from),
            timestamp: at.map(|at| at.timestamp),
            user: origin.and_then(|origin| origin.user.as_deref()),
            source: origin.map(|origin| origin.source),
            operation: explanation.operation,
            provider_field: explanation.provider_field.as_deref(),
            raw_value: explanation.raw.as_ref(),
        }
    }
}

/// An entity's JSON with a member `explain`: the provenance of each of its fields.
#[derive(Serialize)]
struct WithExplain<'a> {
    #[serde(flatten)]
    entity: EntityJson<'a>,
    explain: Explain<'a>,
}

struct Explain<'a>(&'a [FieldExplanation], &'a BTreeMap<EventId, EventOrigin>);

impl Serialize for Explain<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for explanation in self.0 {
            let origin = explanation.set_by.and_then(|position| self.1.get(&position.event_id));
            map.serialize_entry(&explanation.field, &Provenance::new(explanation, origin))?;
        }
        map.end()
    }
}

impl TimeTravel {
    /// As [`Self::get`], with the provenance of each field in a member `explain`.
    pub async fn explain(
        &self,
        entity_type: &str,
        id: &str,
        moment: &MomentRequest,
    ) -> Result<ReadDocument, QueryError> {
        let moment = checked(moment)?;
        let resolved = self.resolver.resolve(entity_type, id).await?;
        let found = self.find(resolved, id, &moment).await?;
        let entity = self.entity(&found, id)?;
        let explanations = self.explanations(&found)?;
        let positions = explanations.iter().filter_map(|explanation| explanation.set_by).collect();
        let origins = self.origins(&found, positions).await?;
        let explain = Explain(&explanations, &origins);
        let entity = entity.as_json(&found.schema);
        self.within_bytes(document(&found.past.state, &WithExplain { entity, explain })?, &found, id)
    }

    /// What is behind each field of a state.
    pub(super) fn explanations(&self, found: &FoundState) -> Result<Vec<FieldExplanation>, QueryError> {
        let state = &found.past.state;
        Ok(mapping::explain(state, &found.schema, self.states.adapter(state)?))
    }

    /// The events at these positions of a state.
    pub(super) async fn origins(
        &self,
        found: &FoundState,
        positions: BTreeSet<Position>,
    ) -> Result<BTreeMap<EventId, EventOrigin>, QueryError> {
        EventSearch::new(&self.states, &found.key, found.past.folded.clone()).find(positions).await
    }
}
