//! Bulk calls: documents by their bytes, each item's answer looked at.
//!
//! Promises calls of at most 5 MB (a larger document goes alone), one fate for each document and
//! place, and an error for the whole call where any item was put off: what was done is harmless to
//! do again, since versions are external. Never repeats a call by itself.

use std::borrow::Cow;

use annals_application::ports::{IndexOutcome, PortError, PortErrorKind};
use bytes::{Bytes, BytesMut};
use opensearch::http::Method;
use serde::Deserialize;

use crate::read_model::call::Answer;
use crate::read_model::connect::{OpenSearch, Refresh};
use crate::read_model::failure::kind;
use crate::read_model::index::{Prepared, Taken};
use crate::read_model::names::only;

/// The most bytes of a call: domains of small instances take 10 MB.
const CALL: usize = 5 * 1024 * 1024;
/// How many bytes a document of some fields takes, so that a call is seldom moved as it grows.
const DOCUMENT: usize = 4 * 1024;
/// How long an item may wait for its shard; less than the call may take, so that there is an answer.
const WAIT: &str = "10s";
/// What is read of the answer.
const READ: &str = "items.*.status,items.*._index,items.*.error.type,items.*.error.reason,error,Message,message";

/// Where a document goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Route {
    /// To what serves readers: an alias.
    Serving(String),
    /// To one index beside it.
    Second(String),
}

impl Route {
    /// The index as errors name it.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Serving(name) | Self::Second(name) => name,
        }
    }

    /// The alias that is written to.
    fn written_to(&self) -> Cow<'_, str> {
        match self {
            Self::Serving(alias) => Cow::Borrowed(alias),
            Self::Second(index) => Cow::Owned(only(index)),
        }
    }
}

/// A document on its routes. `number` is the caller's.
pub(crate) struct Sent<'a> {
    pub(crate) number: usize,
    pub(crate) document: &'a Prepared<'a>,
    pub(crate) routes: &'a [Route],
}

/// What became of a document on one route.
#[derive(Debug)]
pub(crate) struct Landed<'a> {
    pub(crate) number: usize,
    pub(crate) route: &'a Route,
    pub(crate) fate: Fate,
}

/// What became of an item.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It was answered.
    Answered(IndexOutcome),
    /// What it was written to is not there.
    NotThere,
}

/// A document and route in a call, and where its lines end.
#[derive(Debug, Clone, Copy)]
struct Entry<'a> {
    number: usize,
    route: &'a Route,
    end: usize,
}

/// A call's bytes and what is in them.
struct Chunk<'a> {
    bytes: Bytes,
    entries: Vec<Entry<'a>>,
}

#[derive(Deserialize)]
struct BulkAnswer<'a> {
    #[serde(borrow, default)]
    items: Vec<Item<'a>>,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow)]
    index: Done<'a>,
}

#[derive(Deserialize)]
struct Done<'a> {
    status: u16,
    #[serde(borrow, default, rename = "_index")]
    index: Cow<'a, str>,
    #[serde(borrow, default)]
    error: ItemError<'a>,
}

#[derive(Deserialize, Default)]
struct ItemError<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    reason: Cow<'a, str>,
}

impl OpenSearch {
    /// Writes documents, each on its routes; one fate for each of both, in their order.
    pub(crate) async fn bulk<'a>(&self, sent: &[Sent<'a>], taken: Taken) -> Result<Vec<Landed<'a>>, PortError> {
        let mut landed = Vec::with_capacity(sent.len());
        let mut buffer = BytesMut::with_capacity((sent.len() * DOCUMENT).min(CALL));
        let mut entries: Vec<Entry<'a>> = Vec::new();
        for Sent { number, document, routes } in sent {
            for route in *routes {
                let start = buffer.len();
                let written = document.write(&mut buffer, &route.written_to(), taken);
                written.map_err(|error| unwritten(route, error))?;
                if buffer.len() > CALL && !entries.is_empty() {
                    let chunk = Chunk { bytes: buffer.split_to(start).freeze(), entries: std::mem::take(&mut entries) };
                    self.send(chunk, &mut landed).await?;
                }
                entries.push(Entry { number: *number, route, end: buffer.len() });
            }
        }
        if !entries.is_empty() {
            self.send(Chunk { bytes: buffer.freeze(), entries }, &mut landed).await?;
        }
        Ok(landed)
    }

    /// Sends a chunk; one that is too large for the node in halves, down to single documents.
    async fn send<'a>(&self, chunk: Chunk<'a>, landed: &mut Vec<Landed<'a>>) -> Result<(), PortError> {
        let mut query = vec![("require_alias", "true"), ("timeout", WAIT), ("filter_path", READ)];
        if self.layout.refresh == Refresh::BeforeResponse {
            query.push(("refresh", "true"));
        }
        let mut chunks = vec![chunk];
        while let Some(chunk) = chunks.pop() {
            let resource = chunk.resource();
            let answer = self.call(&resource, Method::Post, "/_bulk", &query, Some(chunk.bytes.clone())).await?;
            match (answer.status, &chunk.entries[..]) {
                (413, [only]) => {
                    let reason = format!("{}: {} bytes are too many for OpenSearch", only.route.name(), only.end);
                    landed.push(only.landed(Fate::Answered(IndexOutcome::Refused(reason))));
                }
                (413, _) => chunks.extend(chunk.halves().into_iter().rev()),
                _ => self.land(&resource, &answer, &chunk.entries, landed)?,
            }
        }
        Ok(())
    }

    fn land<'a>(
        &self,
        resource: &str,
        answer: &Answer,
        entries: &[Entry<'a>],
        landed: &mut Vec<Landed<'a>>,
    ) -> Result<(), PortError> {
        let BulkAnswer { items } = answer.read(resource)?;
        if items.len() != entries.len() {
            let message = format!("{} items were sent and {} answered", entries.len(), items.len());
            return Err(PortError::new(PortErrorKind::OutcomeUnknown, resource, message));
        }
        for (entry, Item { index: done }) in entries.iter().zip(&items) {
            if let (Route::Serving(alias), 200..300) = (entry.route, done.status) {
                self.notice(alias, &done.index);
            }
            landed.push(entry.landed(fate(entry.route, done)?));
        }
        Ok(())
    }
}

impl<'a> Entry<'a> {
    fn landed(&self, fate: Fate) -> Landed<'a> {
        Landed { number: self.number, route: self.route, fate }
    }
}

impl<'a> Chunk<'a> {
    /// The indices in it, as errors name them.
    fn resource(&self) -> String {
        let mut names: Vec<&str> = Vec::new();
        for entry in &self.entries {
            if !names.contains(&entry.route.name()) {
                names.push(entry.route.name());
            }
        }
        names.join(", ")
    }

    fn halves(mut self) -> [Self; 2] {
        let behind = self.entries.split_off(self.entries.len() / 2);
        let middle = self.entries.last().map_or(0, |entry| entry.end);
        let behind = behind.into_iter().map(|entry| Entry { end: entry.end - middle, ..entry }).collect();
        let rest = self.bytes.split_off(middle);
        [self, Self { bytes: rest, entries: behind }]
    }
}

fn fate(route: &Route, done: &Done<'_>) -> Result<Fate, PortError> {
    let Done { status, error, .. } = done;
    let outcome = match (status, &*error.kind) {
        (200..300, _) => IndexOutcome::Indexed,
        (409, _) => IndexOutcome::AlreadyNewer,
        (404, "index_not_found_exception") => return Ok(Fate::NotThere),
        // More than one index stands behind the alias: no document's fault, but no other index's either.
        (400, _) if error.reason.starts_with("no write index") => {
            let message = "several indices stand behind it, and none is the one to write to";
            IndexOutcome::Refused(format!("{}: {message}", route.name()))
        }
        // By its own fault, or because its index is closed.
        (400, _) => IndexOutcome::Refused(reason(route, error)),
        (status, error_type) => {
            let message = format!("an item was not taken: {error_type} ({status})");
            // A document by itself is refused with 400; any other refusal is the index's.
            let kind = match kind(*status, error_type) {
                PortErrorKind::Rejected => PortErrorKind::OutcomeUnknown,
                kind => kind,
            };
            return Err(PortError::new(kind, route.name(), message));
        }
    };
    Ok(Fate::Answered(outcome))
}

/// Why an item was refused, without the value: OpenSearch's own reason quotes it.
fn reason(route: &Route, error: &ItemError<'_>) -> String {
    let field = error.reason.split_once("field [").and_then(|(_, rest)| rest.split_once(']')).map(|(field, _)| field);
    let is_path = |field: &&str| field.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.'));
    match field.filter(is_path) {
        Some(field) => format!("{}: {} at `{field}`", route.name(), error.kind),
        None => format!("{}: {}", route.name(), error.kind),
    }
}

fn unwritten(route: &Route, error: serde_json::Error) -> PortError {
    PortError::new(PortErrorKind::Rejected, route.name(), "a document cannot be written as JSON").caused_by(error)
}
