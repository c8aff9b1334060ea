//! Which projections run for which events.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use annals_domain::event::EventType;
use annals_domain::identity::AggregateType;

use super::broadcast::BroadcastProjection;
use super::interface::Projection;
use super::read_model::ReadModelProjection;
use super::refetch::RefetchProjection;
use crate::ports::{Clock, EventPublisher, ReadModel, RefetchQueue};

/// Selects events by aggregate type and event type, such as `client.Deleted`, `client.*` or `*.*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventPattern {
    aggregate_type: Option<String>,
    event_type: Option<EventType>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid event pattern `{0}`: expected an aggregate type, a dot, and Created, Updated, Deleted, Restored or Gap \
     (`*` matches any)"
)]
pub struct InvalidEventPattern(String);

impl EventPattern {
    pub const ALL: Self = Self { aggregate_type: None, event_type: None };

    pub fn matches(&self, aggregate_type: &AggregateType, event_type: EventType) -> bool {
        self.aggregate_type.as_deref().is_none_or(|name| name == aggregate_type.as_str())
            && self.event_type.is_none_or(|wanted| wanted == event_type)
    }
}

impl FromStr for EventPattern {
    type Err = InvalidEventPattern;

    fn from_str(text: &str) -> Result<Self, InvalidEventPattern> {
        const TYPES: [EventType; 5] =
            [EventType::Created, EventType::Updated, EventType::Deleted, EventType::Restored, EventType::Gap];
        let invalid = || InvalidEventPattern(text.to_owned());
        let (aggregate_type, event_type) = text.split_once('.').ok_or_else(invalid)?;
        if aggregate_type.is_empty() {
            return Err(invalid());
        }
        let event_type = match event_type {
            "*" => None,
            name => Some(TYPES.into_iter().find(|t| t.as_str() == name).ok_or_else(invalid)?),
        };
        Ok(Self { aggregate_type: Some(aggregate_type.to_owned()).filter(|name| name != "*"), event_type })
    }
}

impl fmt::Display for EventPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let event_type = self.event_type.map_or("*", EventType::as_str);
        write!(f, "{}.{event_type}", self.aggregate_type.as_deref().unwrap_or("*"))
    }
}

/// The projections of an installation, in the order they run.
#[derive(Clone, Default)]
pub struct ProjectionRegistry {
    registered: Vec<(EventPattern, Arc<dyn Projection>)>,
}

impl ProjectionRegistry {
    /// The three projections of Annals, each for every event. Nothing is published without a publisher.
    ///
    /// Publishing comes last: no later projection can fail then and cause the batch to be published
    /// again. Other systems would see that, while the other projections may run again unnoticed.
    pub fn shipped(
        read_model: &Arc<dyn ReadModel>,
        publisher: Option<Arc<dyn EventPublisher>>,
        refetch: &Arc<dyn RefetchQueue>,
        clock: &Arc<dyn Clock>,
    ) -> Self {
        let registry = Self::read_model(read_model, refetch, clock);
        match publisher {
            Some(publisher) => registry.register(EventPattern::ALL, Arc::new(BroadcastProjection::new(publisher))),
            None => registry,
        }
    }

    /// Those whose results this installation reads itself.
    pub fn read_model(
        read_model: &Arc<dyn ReadModel>,
        refetch: &Arc<dyn RefetchQueue>,
        clock: &Arc<dyn Clock>,
    ) -> Self {
        let refetch = RefetchProjection::new(Arc::clone(refetch), Arc::clone(clock));
        Self::default()
            .register(EventPattern::ALL, Arc::new(ReadModelProjection::new(Arc::clone(read_model))))
            .register(EventPattern::ALL, Arc::new(refetch))
    }

    /// The one that publishes.
    pub fn publisher(publisher: Arc<dyn EventPublisher>) -> Self {
        Self::default().register(EventPattern::ALL, Arc::new(BroadcastProjection::new(publisher)))
    }

    /// Runs `projection` for the events that match, after the projections registered before.
    #[must_use]
    pub fn register(mut self, pattern: EventPattern, projection: Arc<dyn Projection>) -> Self {
        self.registered.push((pattern, projection));
        self
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&EventPattern, &Arc<dyn Projection>)> {
        self.registered.iter().map(|(pattern, projection)| (pattern, projection))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, aggregate_type: &str, event_type: EventType, expected: bool) {
        let pattern: EventPattern = pattern.parse().expect("a pattern");
        assert_eq!(pattern.matches(&AggregateType::new(aggregate_type), event_type), expected, "{pattern}");
    }

    #[test]
    fn a_pattern_matches_aggregate_type_and_event_type_with_wildcards() {
        check("client.Created", "client", EventType::Created, true);
        check("client.Created", "client", EventType::Updated, false);
        check("client.*", "client", EventType::Gap, true);
        check("*.Deleted", "deal", EventType::Deleted, true);
        check("*.*", "deal", EventType::Restored, true);
        check("client.*", "deal", EventType::Created, false);
    }

    #[test]
    fn a_text_that_is_not_a_pattern_is_refused() {
        for text in ["client", ".Created", "client.created", "client.Created.x", ""] {
            assert_eq!(text.parse::<EventPattern>(), Err(InvalidEventPattern(text.to_owned())));
        }
    }
}
