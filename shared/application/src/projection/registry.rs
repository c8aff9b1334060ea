//! Which projections run for which events: `aggregate_type.event_type`, wildcards allowed.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use annals_domain::event::EventType;
use annals_domain::identity::AggregateType;

use super::{BroadcastProjection, Projection, ReadModelProjection, RefetchProjection};
use crate::ports::{Clock, EventPublisher, ReadModel, RefetchQueue};

/// A pattern such as `client.Deleted`, `client.*` or `*.*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventPattern {
    aggregate_type: Option<String>,
    event_type: Option<EventType>,
}

/// A text that is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a pattern: aggregate type, a dot, and Created, Updated, Deleted, Restored or Gap; `*` for any")]
pub struct InvalidEventPattern(String);

impl EventPattern {
    /// Matches every event.
    pub const ALL: Self = Self { aggregate_type: None, event_type: None };

    /// Whether an event of those types matches.
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
        let refused = || InvalidEventPattern(text.to_owned());
        let (aggregate_type, event_type) = text.split_once('.').ok_or_else(refused)?;
        if aggregate_type.is_empty() {
            return Err(refused());
        }
        let event_type = match event_type {
            "*" => None,
            name => Some(TYPES.into_iter().find(|t| t.as_str() == name).ok_or_else(refused)?),
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
    /// The three projections that ship, for every event. Without a publisher nothing is announced.
    ///
    /// What is announced twice is seen outside, and all else may be done again: so announcing is last,
    /// where nothing behind it can fail and bring the batch again.
    pub fn shipped(
        read_model: &Arc<dyn ReadModel>,
        publisher: Option<Arc<dyn EventPublisher>>,
        refetch: &Arc<dyn RefetchQueue>,
        clock: &Arc<dyn Clock>,
    ) -> Self {
        let refetch = RefetchProjection::new(Arc::clone(refetch), Arc::clone(clock));
        let quiet = Self::default()
            .register(EventPattern::ALL, Arc::new(ReadModelProjection::new(Arc::clone(read_model))))
            .register(EventPattern::ALL, Arc::new(refetch));
        match publisher {
            Some(publisher) => quiet.register(EventPattern::ALL, Arc::new(BroadcastProjection::new(publisher))),
            None => quiet,
        }
    }

    /// Runs `projection` for the events that match, behind those registered before.
    #[must_use]
    pub fn register(mut self, pattern: EventPattern, projection: Arc<dyn Projection>) -> Self {
        self.registered.push((pattern, projection));
        self
    }

    /// All registrations, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&EventPattern, &Arc<dyn Projection>)> {
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
    fn a_pattern_matches_by_type_and_event_with_wildcards() {
        check("client.Created", "client", EventType::Created, true);
        check("client.Created", "client", EventType::Updated, false);
        check("client.*", "client", EventType::Gap, true);
        check("*.Deleted", "deal", EventType::Deleted, true);
        check("*.*", "deal", EventType::Restored, true);
        check("client.*", "deal", EventType::Created, false);
    }

    #[test]
    fn what_names_no_events_is_refused() {
        for text in ["client", ".Created", "client.created", "client.Created.x", ""] {
            assert_eq!(text.parse::<EventPattern>(), Err(InvalidEventPattern(text.to_owned())));
        }
    }
}
