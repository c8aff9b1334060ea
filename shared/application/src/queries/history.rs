//! GetEntityHistory: what became of an entity, version by version.
//!
//! Promises the mapped entity's change at each version, in order of arrival, an entity that waits
//! for its base included; and on request the stored input as it came.

use annals_domain::aggregate::Aggregate;
use annals_domain::entity_changes::EntityChanges;
use annals_domain::event::{EventType, Source};
use annals_domain::head::StreamHead;
use annals_domain::identity::EntityKey;
use annals_domain::mapping;
use annals_domain::position::{EventId, Position, Version};
use annals_domain::timestamp::Timestamp;
use annals_domain::validation_issue::ValidationIssue;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::entities::{EntityQueries, QueryError, ResolvedId};
use super::paging::PageNumbers;
use crate::ports::{ReadOptions, StoredEvent};

/// How many events are read at once.
const READ_PAGE: usize = 500;

/// A history as asked for. What is `None` has its default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HistoryRequest {
    /// The page, from 1.
    pub page: Option<u64>,
    /// How many a page.
    pub page_size: Option<u64>,
    /// The earliest timestamp, inclusive.
    pub from_date: Option<Timestamp>,
    /// The latest timestamp, inclusive.
    pub to_date: Option<Timestamp>,
    /// Whether the stored inputs are wanted.
    pub raw: bool,
}

/// A place at the source; numbers are texts, since they pass 2^53.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HistoryPosition {
    /// When the CRM committed it.
    pub timestamp: Timestamp,
    /// The commit number.
    pub commit_number: Option<String>,
    /// The number inside the transaction.
    pub sequence_number: Option<String>,
}

/// One event of a history.
#[derive(Debug, Clone, Serialize)]
pub struct HistoryEvent {
    /// Its id.
    pub event_id: EventId,
    /// Its version.
    pub version: Version,
    /// What happened.
    pub event_type: EventType,
    /// When the CRM committed it.
    pub timestamp: Timestamp,
    /// Its place at the source.
    pub position: HistoryPosition,
    /// When it was stored.
    pub recorded_at: Timestamp,
    /// By which way it came.
    pub source: Source,
    /// Who made the change.
    pub user: Option<String>,
    /// By which client.
    pub change_origin: Option<String>,
    /// The source's transaction.
    pub transaction_key: Option<String>,
    /// What it belongs together with.
    pub correlation_id: Option<String>,
    /// The command that stored it.
    pub causation_id: Option<String>,
    /// What validation found on arrival.
    pub warnings: Vec<ValidationIssue>,
    /// Whether a newer change was stored before it.
    pub late: bool,
    /// Per field, `{from, to}`: the mapped entity before and after this version.
    pub changes: Map<String, Value>,
    /// The stored input as it came, where asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Box<RawValue>>,
}

/// A page of a history.
#[derive(Debug, Serialize)]
pub struct HistoryPage {
    /// The events.
    pub results: Vec<HistoryEvent>,
    /// How many there are on all pages; `None` where dates choose.
    pub count: Option<u64>,
    /// This page's number.
    #[serde(skip)]
    pub page: u64,
    /// How many a page.
    #[serde(skip)]
    pub page_size: u64,
    /// Whether there is a page behind this one.
    #[serde(skip)]
    pub has_next: bool,
}

impl EntityQueries {
    /// A page of one entity's events, in version order.
    pub async fn history(
        &self,
        entity_type: &str,
        id: &str,
        request: &HistoryRequest,
    ) -> Result<HistoryPage, QueryError> {
        let mut rejected = Vec::new();
        let page = PageNumbers::checked(request.page, request.page_size, &mut rejected);
        if !rejected.is_empty() {
            return Err(QueryError::InvalidParameters(rejected));
        }
        let lookup = self.lookup(entity_type, id).await?;
        let heads = self.ports.store.heads(&lookup.keys).await?;
        let found = lookup.keys.iter().zip(heads).find_map(|(key, head)| Some((key.clone(), head?)));
        let Some((key, head)) = found else {
            let aggregate_type = lookup.schema.aggregate_type().to_string();
            return Err(QueryError::NotFound { aggregate_type, id: id.to_owned() });
        };
        let chosen = EventSelection { request, skip: page.offset(), take: page.page_size };
        let (results, has_next) = self.walk(&lookup, &key, &head, &chosen).await?;
        let count = (!chosen.by_date()).then(|| head.version.get());
        let PageNumbers { page, page_size } = page;
        Ok(HistoryPage { results, count, page, page_size, has_next })
    }

    async fn walk(
        &self,
        lookup: &ResolvedId,
        key: &EntityKey,
        head: &StreamHead,
        chosen: &EventSelection<'_>,
    ) -> Result<(Vec<HistoryEvent>, bool), QueryError> {
        let mut state = self.state_before(key, chosen).await?;
        let mut next = state.as_ref().map_or(Version::FIRST, |state| state.version().next());
        // How many wanted events stand before the next one, on this page or an earlier one.
        let mut passed = next.previous().get();
        let mut results = Vec::new();
        while next <= head.version {
            let page = self.ports.store.read(key, &ReadOptions::from(next, READ_PAGE)).await?;
            let Some(last) = page.last() else { break };
            next = last.event.version.next();
            for stored in &page {
                let is_wanted = chosen.wants(stored);
                let is_on_page = is_wanted && passed >= chosen.skip;
                if is_on_page && results.len() as u64 == chosen.take {
                    return Ok((results, true));
                }
                passed += u64::from(is_wanted);
                results.extend(self.step(lookup, key, &mut state, stored, is_on_page, chosen.request.raw)?);
            }
        }
        Ok((results, false))
    }

    /// The state that the walk starts from: a snapshot below the page, where pages are by version.
    async fn state_before(
        &self,
        key: &EntityKey,
        chosen: &EventSelection<'_>,
    ) -> Result<Option<Aggregate>, QueryError> {
        if chosen.by_date() || chosen.skip == 0 {
            return Ok(None);
        }
        Ok(self.ports.snapshots.newest(key, Version::new(chosen.skip)).await?)
    }

    /// Folds one event in; on the page, also tells what it changed.
    fn step(
        &self,
        lookup: &ResolvedId,
        key: &EntityKey,
        state: &mut Option<Aggregate>,
        stored: &StoredEvent,
        is_on_page: bool,
        raw: bool,
    ) -> Result<Option<HistoryEvent>, QueryError> {
        let event = &stored.event;
        let metadata = &event.metadata;
        let change = self.adapters.read_event(event).map_err(QueryError::Unreadable)?;
        let Some(adapter) = self.adapters.get(metadata.provider) else { return Ok(None) };
        let state =
            state.get_or_insert_with(|| Aggregate::new(key.clone(), metadata.provider, metadata.external_id.clone()));
        let (schema, adapter) = (&lookup.schema, &**adapter);
        let has_any = state.version() > Version::new(0);
        let before = is_on_page.then(|| has_any.then(|| mapping::map(state, schema, adapter)));
        let late = state.newest().is_some_and(|newest| newest > event.position);
        state.apply(event.version, &change);
        let Some(before) = before else { return Ok(None) };
        let after = mapping::map_again(before.as_ref(), [&change], state, schema, adapter);
        let changes = EntityChanges::between(schema, before.as_ref(), &after).to_map();
        let data = raw.then(|| RawValue::from_string(event.data.to_string()).ok()).flatten();
        Ok(Some(HistoryEvent {
            event_id: event.event_id(),
            version: event.version,
            event_type: event.event_type,
            timestamp: event.timestamp(),
            position: position_of(&event.position),
            recorded_at: event.recorded_at,
            source: metadata.source,
            user: metadata.user.clone(),
            change_origin: metadata.change_origin.clone(),
            transaction_key: metadata.transaction_key.clone(),
            correlation_id: metadata.correlation_id.clone(),
            causation_id: metadata.causation_id.clone(),
            warnings: event.warnings.clone(),
            late,
            changes,
            data,
        }))
    }
}

/// Which events are on the page.
struct EventSelection<'a> {
    request: &'a HistoryRequest,
    skip: u64,
    take: u64,
}

impl EventSelection<'_> {
    fn by_date(&self) -> bool {
        self.request.from_date.is_some() || self.request.to_date.is_some()
    }

    fn wants(&self, stored: &StoredEvent) -> bool {
        let at = stored.event.timestamp();
        self.request.from_date.is_none_or(|from| from <= at) && self.request.to_date.is_none_or(|to| at <= to)
    }
}

fn position_of(position: &Position) -> HistoryPosition {
    HistoryPosition {
        timestamp: position.timestamp,
        commit_number: position.commit_number.map(|number| number.to_string()),
        sequence_number: position.sequence_number.map(|number| number.to_string()),
    }
}
