//! The writes at one path: the newest full value, and the text differences after it.
//!
//! The result depends on the set of writes, not on the order in which they arrive.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::change::WriteContent;
use crate::position::{Position, SourceOrder};
use crate::text_diff::TextDiff;

/// What the newest full write says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum FullValue<'a> {
    Known(&'a Value),
    Unknown,
}

/// Estimated bytes that the tree's node, the allocator and the shared position take for one history.
const OVERHEAD_BYTES: usize = 128;

/// Estimated bytes of a value on the heap.
pub(crate) fn heap_of(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 0,
        Value::Number(number) => number.as_str().len(),
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(|item| size_of::<Value>() + heap_of(item)).sum(),
        Value::Object(fields) => fields.iter().map(|(name, item)| OVERHEAD_BYTES + name.len() + heap_of(item)).sum(),
    }
}

/// The writes at one path that still matter: the newest full value and what came after it.
///
/// Copies of one change event may differ. Of their writes a full value wins over a text difference, and that over an
/// unknown value; of two full values the one that is not null wins.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct FieldHistory {
    #[serde(rename = "w")]
    value: Option<(Arc<Position>, Value)>,
    /// Boxed, because few fields have it and a cached state has many fields.
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    later: Option<Box<LaterWrites>>,
}

/// The writes after the newest full value that do not say what the field is.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
struct LaterWrites {
    /// The newest change to an unknown value.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    unknown: Option<Arc<Position>>,
    /// In the order of the source, one for each place in it.
    #[serde(rename = "d", default, skip_serializing_if = "Vec::is_empty")]
    diffs: Vec<(Arc<Position>, TextDiff)>,
}

impl LaterWrites {
    fn write_unknown(&mut self, position: &Arc<Position>) {
        self.unknown = self.unknown.take().max(Some(Arc::clone(position)));
    }

    fn write_diff(&mut self, position: &Arc<Position>, diff: &TextDiff) {
        let order = position.source_order();
        match self.diffs.binary_search_by_key(&order, |(at, _)| at.source_order()) {
            Err(index) => self.diffs.insert(index, (Arc::clone(position), diff.clone())),
            Ok(index) if self.diffs[index].0 < *position => self.diffs[index] = (Arc::clone(position), diff.clone()),
            Ok(_) => {}
        }
    }

    /// What of it is after a place in the order of the source.
    fn after(mut self, order: SourceOrder) -> Option<Self> {
        self.unknown.take_if(|at| at.source_order() <= order);
        self.diffs.retain(|(at, _)| at.source_order() > order);
        (self.unknown.is_some() || !self.diffs.is_empty()).then_some(self)
    }
}

impl FieldHistory {
    pub(super) fn of(position: &Arc<Position>, content: &WriteContent) -> Self {
        let mut history = Self::default();
        history.write(position, content);
        history
    }

    pub(super) fn write(&mut self, position: &Arc<Position>, content: &WriteContent) {
        match content {
            WriteContent::Value(value) => self.write_value(position, value),
            _ if self.has_value_since(position) => {}
            WriteContent::Unknown => self.later.get_or_insert_default().write_unknown(position),
            WriteContent::Diff(diff) => self.later.get_or_insert_default().write_diff(position, diff),
        }
    }

    fn write_value(&mut self, position: &Arc<Position>, value: &Value) {
        let precedence = |at: &Position, value: &Value| (at.source_order(), !value.is_null(), at.event_id);
        if self.value.as_ref().is_some_and(|(at, old)| precedence(at, old) >= precedence(position, value)) {
            return;
        }
        self.value = Some((Arc::clone(position), value.clone()));
        self.later = self.later.take().and_then(|later| later.after(position.source_order())).map(Box::new);
    }

    fn has_value_since(&self, position: &Position) -> bool {
        self.value.as_ref().is_some_and(|(at, _)| at.source_order() >= position.source_order())
    }

    /// Estimated bytes of memory, with its share of the tree.
    pub(super) fn weight(&self) -> usize {
        let value = self.value.as_ref().map_or(0, |(_, value)| heap_of(value));
        let later = self.later.as_ref().map_or(0, |_| size_of::<LaterWrites>());
        let diffs = self.diffs().map(|(_, diff)| size_of::<(Arc<Position>, TextDiff)>() + diff.weight());
        OVERHEAD_BYTES + size_of::<Self>() + value + later + diffs.sum::<usize>()
    }

    pub(super) fn value(&self) -> Option<(&Position, &Value)> {
        self.value.as_ref().map(|(at, value)| (&**at, value))
    }

    pub(super) fn unknown(&self) -> Option<&Position> {
        self.later.as_ref()?.unknown.as_deref()
    }

    /// The newest full write. It counts for everything below its path.
    pub(super) fn newest_full(&self) -> Option<(&Position, FullValue<'_>)> {
        let unknown = self.unknown().map(|at| (at, FullValue::Unknown));
        unknown.or_else(|| self.value().map(|(at, value)| (at, FullValue::Known(value))))
    }

    /// The differences after the full value, oldest first.
    pub(super) fn diffs(&self) -> impl DoubleEndedIterator<Item = (&Position, &TextDiff)> {
        self.later.iter().flat_map(|later| &later.diffs).map(|(at, diff)| (&**at, diff))
    }

    /// Whether reading it may give an unknown value.
    pub(super) fn is_uncertain(&self) -> bool {
        self.later.is_some()
    }

    pub(super) fn newest(&self) -> Option<&Position> {
        let diff = self.diffs().next_back().map(|(at, _)| at);
        diff.max(self.newest_full().map(|(at, _)| at))
    }
}
