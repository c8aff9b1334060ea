//! The writes at one path: the newest full value, and the text differences after it.
//!
//! The result depends on the set of writes, not on the order in which they arrive.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::change::WriteContent;
use crate::position::Position;
use crate::text_diff::TextDiff;

/// The value of a full write, or that it changed to an unknown value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum FullValue {
    #[serde(rename = "v")]
    Known(Value),
    #[serde(rename = "u")]
    Unknown,
}

/// Estimated bytes that the tree's node, the allocator and the shared position take for one history.
const OVERHEAD_BYTES: usize = 128;

/// Estimated bytes of a value on the heap.
fn heap_of(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 0,
        Value::Number(number) => number.as_str().len(),
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(|item| size_of::<Value>() + heap_of(item)).sum(),
        Value::Object(fields) => fields.iter().map(|(name, item)| OVERHEAD_BYTES + name.len() + heap_of(item)).sum(),
    }
}

/// The writes at one path that still matter.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct FieldHistory {
    #[serde(rename = "w")]
    whole: Option<(Arc<Position>, FullValue)>,
    /// Sorted by position, all after the full value.
    #[serde(rename = "d", default, skip_serializing_if = "Vec::is_empty")]
    diffs: Vec<(Arc<Position>, TextDiff)>,
}

impl FieldHistory {
    pub(super) fn of(position: &Arc<Position>, content: &WriteContent) -> Self {
        let mut history = Self::default();
        history.write(position, content);
        history
    }

    pub(super) fn write(&mut self, position: &Arc<Position>, content: &WriteContent) {
        match content {
            WriteContent::Value(value) => self.write_whole(position, || FullValue::Known(value.clone())),
            WriteContent::Unknown => self.write_whole(position, || FullValue::Unknown),
            WriteContent::Diff(diff) => self.write_diff(position, diff),
        }
    }

    fn write_whole(&mut self, position: &Arc<Position>, whole: impl FnOnce() -> FullValue) {
        // One event may write a path twice, by two spellings of its name. The value that is not null wins.
        let newer = self
            .whole
            .as_ref()
            .is_none_or(|(at, old)| at < position || (at == position && matches!(old, FullValue::Known(Value::Null))));
        if newer {
            self.whole = Some((Arc::clone(position), whole()));
            self.diffs.retain(|(at, _)| at > position);
        }
    }

    fn write_diff(&mut self, position: &Arc<Position>, diff: &TextDiff) {
        if self.whole.as_ref().is_some_and(|(at, _)| at >= position) {
            return;
        }
        if let Err(index) = self.diffs.binary_search_by(|(at, _)| at.cmp(position)) {
            self.diffs.insert(index, (Arc::clone(position), diff.clone()));
        }
    }

    /// Estimated bytes of memory, with its share of the tree.
    pub(super) fn weight(&self) -> usize {
        let whole = match &self.whole {
            Some((_, FullValue::Known(value))) => heap_of(value),
            Some((_, FullValue::Unknown)) | None => 0,
        };
        let diffs = self.diffs.iter().map(|(_, diff)| size_of::<(Arc<Position>, TextDiff)>() + diff.weight());
        OVERHEAD_BYTES + size_of::<Self>() + whole + diffs.sum::<usize>()
    }

    pub(super) fn full_value(&self) -> Option<(&Position, &FullValue)> {
        self.whole.as_ref().map(|(at, whole)| (&**at, whole))
    }

    /// The differences after the full value, oldest first.
    pub(super) fn diffs(&self) -> impl Iterator<Item = (&Position, &TextDiff)> {
        self.diffs.iter().map(|(at, diff)| (&**at, diff))
    }

    /// Whether reading it may give an unknown value.
    pub(super) fn is_uncertain(&self) -> bool {
        !self.diffs.is_empty() || matches!(self.whole, Some((_, FullValue::Unknown)))
    }

    pub(super) fn newest(&self) -> Option<&Position> {
        let diff = self.diffs.last().map(|(at, _)| &**at);
        diff.or_else(|| self.full_value().map(|(at, _)| at))
    }
}
