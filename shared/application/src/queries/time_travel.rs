//! Entities of the past, folded from the events alone: the read model is not asked.

use std::fmt::Display;

use annals_domain::aggregate::Aggregate;
use annals_domain::definition::EntitySchema;
use annals_domain::entity::Entity;
use annals_domain::identity::EntityKey;
use annals_domain::mapping;
use annals_domain::position::Version;
use futures::future::BoxFuture;
use futures::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use serde_json::value::to_raw_value;

use super::cursor::CursorScope;
use super::error::QueryError;
use super::filter::{InvalidParameter, select};
use super::ids_request::IdsRequest;
use super::moment::{Known, Moment, MomentRequest};
use super::page::{Page, PageLink};
use super::past_state::{PastState, PastStates};
use super::resolve::{ResolvedId, Resolver};
use crate::ports::{Added, BoundedPage, FieldSelection, PageEnd, PortError, PortErrorKind, ReadDocument};

/// The largest number of entities in one request.
pub const MAX_IDS: usize = 100;

/// The number of entities that are folded at the same time.
const CONCURRENT_READS: usize = 16;

/// The queries over the past of entities. They name types and ids as
/// [`EntityQueries`](super::EntityQueries) does.
#[derive(Clone)]
pub struct TimeTravel {
    pub(super) resolver: Resolver,
    pub(super) states: PastStates,
    /// The most bytes of a response's entities, as JSON.
    pub(super) max_bytes: usize,
}

/// A stream, and its state at a moment.
pub(super) struct FoundState {
    pub(super) schema: EntitySchema,
    pub(super) key: EntityKey,
    pub(super) past: PastState,
}

impl TimeTravel {
    /// An entity as it was, deleted or not. Fails with [`QueryError::NotAtMoment`] before its first event, and with
    /// [`QueryError::AwaitingBase`] before its creation arrived.
    pub async fn get(&self, entity_type: &str, id: &str, moment: &MomentRequest) -> Result<ReadDocument, QueryError> {
        let moment = checked(moment)?;
        let resolved = self.resolver.resolve(entity_type, id).await?;
        let found = self.find(resolved, id, &moment).await?;
        self.within_bytes(document(&found.past.state, &self.entity(&found, id)?.as_json(&found.schema))?, &found, id)
    }

    /// Fails unless an event of that version is stored, with [`QueryError::NotAtMoment`] if the stream is shorter: what is
    /// read of its past from then on includes that version.
    pub async fn require_version(&self, entity_type: &str, id: &str, version: Version) -> Result<(), QueryError> {
        let resolved = self.resolver.resolve(entity_type, id).await?;
        let aggregate_type = resolved.schema.aggregate_type();
        let heads = self.states.store.heads(&resolved.keys).await?;
        match heads.into_iter().flatten().next() {
            None => Err(QueryError::not_found(aggregate_type, id)),
            Some(head) if head.version < version => {
                Err(QueryError::no_version(aggregate_type, id, version, head.version))
            }
            Some(_) => Ok(()),
        }
    }

    /// The entity of a stream as it was; `None` if it was not visible.
    pub async fn get_by_key(
        &self,
        schema: &EntitySchema,
        key: &EntityKey,
        moment: &MomentRequest,
    ) -> Result<Option<ReadDocument>, QueryError> {
        let Some(past) = self.states.read(key, &checked(moment)?).await? else { return Ok(None) };
        self.visible_document(FoundState { schema: schema.clone(), key: key.clone(), past })
    }

    /// The document, unless it is larger than a page may be.
    pub(super) fn within_bytes(
        &self,
        document: ReadDocument,
        found: &FoundState,
        id: &str,
    ) -> Result<ReadDocument, QueryError> {
        let bytes = document.json.get().len();
        if bytes <= self.max_bytes { Ok(document) } else { Err(too_large(found.schema.aggregate_type(), id, bytes)) }
    }

    /// Up to [`MAX_IDS`] entities as they were, deleted or not, in the order of their ids. Left out are those that had
    /// no event yet, or whose creation had not arrived. A page that ends early continues by `cursor`.
    pub async fn get_many(&self, entity_type: &str, request: &IdsRequest) -> Result<Page<ReadDocument>, QueryError> {
        let IdsRequest { ids, moment, fields, cursor } = request;
        let checked = checked(moment)?;
        let scope = CursorScope::of(&(entity_type, ids, moment.as_of, moment.known_at, moment.version));
        let start = Self::start_of(scope, ids, cursor.as_deref())?;
        let schema = self.resolver.schema(entity_type).await?;
        let fields = fields.as_deref().map(|fields| select(&schema, fields)).transpose();
        let fields = fields.map_err(|no| QueryError::InvalidParameters(vec![no]))?;
        let reads = ids.iter().enumerate().skip(start).map(|(index, id)| {
            // Boxed, because the compiler cannot prove otherwise that these futures are `Send`.
            let read: BoxFuture<'_, Result<_, QueryError>> =
                Box::pin(async move { Ok((index, self.get_if_there(entity_type, id, &checked).await?)) });
            read
        });
        let mut found = stream::iter(reads.collect::<Vec<_>>()).buffered(CONCURRENT_READS);
        let (mut page, mut next) = (BoundedPage::new(MAX_IDS as u64, self.max_bytes), None);
        while let Some((index, document)) = found.try_next().await? {
            let Some(document) = document else { continue };
            let document = match &fields {
                Some(fields) => selected(document, fields)?,
                None => document,
            };
            let bytes = document.json.get().len();
            if page.add(document, bytes) == Added::No {
                next = Some(index);
                break;
            }
        }
        let (results, end) = page.finish();
        if let (PageEnd::TooLarge(bytes), Some(index)) = (end, next) {
            return Err(too_large(entity_type, &ids[index], bytes));
        }
        let count = (start == 0 && next.is_none()).then_some(results.len() as u64);
        let next = next.map(|index| PageLink::Cursor(scope.encode(&index)));
        Ok(Page { results, count, next, previous: None })
    }

    /// The index of the id at which a page starts.
    fn start_of(scope: CursorScope, ids: &[String], cursor: Option<&str>) -> Result<usize, QueryError> {
        let mut invalid = Vec::new();
        if ids.len() > MAX_IDS {
            let message = format!("{} ids: expected at most {MAX_IDS}", ids.len());
            invalid.push(InvalidParameter::new("ids", message));
        }
        let start = cursor.map(|cursor| scope.decode::<usize>(cursor)).transpose();
        let start = start.map_err(|no| invalid.push(no)).unwrap_or_default().flatten();
        if invalid.is_empty() { Ok(start.unwrap_or(0)) } else { Err(QueryError::InvalidParameters(invalid)) }
    }

    async fn get_if_there(
        &self,
        entity_type: &str,
        id: &str,
        moment: &Moment,
    ) -> Result<Option<ReadDocument>, QueryError> {
        let resolved = match self.resolver.resolve(entity_type, id).await {
            Err(QueryError::NotFound { .. }) => return Ok(None),
            resolved => resolved?,
        };
        let Some((key, past)) = self.first_state(&resolved, moment).await? else { return Ok(None) };
        let key = key.clone();
        self.visible_document(FoundState { schema: resolved.schema, key, past })
    }

    /// The document of a state; `None` while it waits for its base.
    fn visible_document(&self, found: FoundState) -> Result<Option<ReadDocument>, QueryError> {
        let FoundState { schema, past: PastState { state, .. }, .. } = found;
        if !state.has_base() {
            return Ok(None);
        }
        let entity = mapping::map(&state, &schema, self.states.adapter(&state)?);
        document(&state, &entity.as_json(&schema)).map(Some)
    }

    /// The state of the first stream that an id can mean and that had an event by then.
    pub(super) async fn find(&self, resolved: ResolvedId, id: &str, moment: &Moment) -> Result<FoundState, QueryError> {
        match self.first_state(&resolved, moment).await? {
            Some((key, past)) => {
                let key = key.clone();
                Ok(FoundState { schema: resolved.schema, key, past })
            }
            None => Err(self.not_there(&resolved, id, moment).await?),
        }
    }

    pub(super) async fn first_state<'a>(
        &self,
        resolved: &'a ResolvedId,
        moment: &Moment,
    ) -> Result<Option<(&'a EntityKey, PastState)>, QueryError> {
        for key in &resolved.keys {
            if let Some(past) = self.states.read(key, moment).await? {
                return Ok(Some((key, past)));
            }
        }
        Ok(None)
    }

    /// Why no stream has a state at the moment.
    pub(super) async fn not_there(
        &self,
        resolved: &ResolvedId,
        id: &str,
        moment: &Moment,
    ) -> Result<QueryError, QueryError> {
        let aggregate_type = resolved.schema.aggregate_type();
        let heads = self.states.store.heads(&resolved.keys).await?;
        let Some(head) = heads.into_iter().flatten().next() else {
            return Ok(QueryError::not_found(aggregate_type, id));
        };
        if let Known::Version(version) = moment.known {
            return Ok(QueryError::no_version(aggregate_type, id, version, head.version));
        }
        let (aggregate_type, reason) = (aggregate_type.to_string(), "its first event is later".to_owned());
        Ok(QueryError::NotAtMoment { aggregate_type, id: id.to_owned(), reason })
    }

    /// The entity of a state, as readers see it.
    pub(super) fn entity(&self, found: &FoundState, id: &str) -> Result<Entity, QueryError> {
        let state = &found.past.state;
        let adapter = self.states.adapter(state)?;
        if !state.has_base() {
            return Err(QueryError::awaiting_base(found.schema.aggregate_type(), id));
        }
        Ok(mapping::map(state, &found.schema, adapter))
    }
}

fn too_large(aggregate_type: impl Display, id: &str, bytes: usize) -> QueryError {
    let remedy = "read it with `annals get`".to_owned();
    QueryError::TooLarge { what: format!("the {aggregate_type} `{id}`"), bytes, remedy }
}

/// The document with only these fields.
fn selected(document: ReadDocument, fields: &FieldSelection) -> Result<ReadDocument, QueryError> {
    Ok(ReadDocument { json: fields.of(&document.json).map_err(not_json)?, ..document })
}

/// A document with this JSON.
pub(super) fn document(state: &Aggregate, json: &impl Serialize) -> Result<ReadDocument, QueryError> {
    let json = to_raw_value(json).map_err(not_json)?;
    Ok(ReadDocument { aggregate_id: state.key().aggregate_id, version: state.version(), json })
}

fn not_json(error: serde_json::Error) -> PortError {
    PortError::new(PortErrorKind::Corrupt, "entity", "it cannot be written as JSON").caused_by(error)
}

pub(super) fn checked(moment: &MomentRequest) -> Result<Moment, QueryError> {
    let mut invalid = Vec::new();
    let moment = moment.checked(&mut invalid);
    if invalid.is_empty() { Ok(moment) } else { Err(QueryError::InvalidParameters(invalid)) }
}
