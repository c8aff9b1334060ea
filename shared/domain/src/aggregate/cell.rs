//! One path's writes: the newest whole value, and the text differences above it.
//!
//! Promises a join: what a cell holds depends on the set of writes it was given, not on their order.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::change::Content;
use crate::position::Position;
use crate::text_diff::TextDiff;

/// A whole write's value, or the word that it is not known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Whole {
    #[serde(rename = "v")]
    Known(Value),
    #[serde(rename = "u")]
    Unknown,
}

/// What the tree's node and the allocator take for a cell, and the position it shares with its event's others.
const BESIDE: usize = 128;

/// About what a value takes on the heap.
fn heap_of(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 0,
        Value::Number(number) => number.as_str().len(),
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(|item| size_of::<Value>() + heap_of(item)).sum(),
        Value::Object(fields) => fields.iter().map(|(name, item)| BESIDE + name.len() + heap_of(item)).sum(),
    }
}

/// What is known at one path.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Cell {
    #[serde(rename = "w")]
    whole: Option<(Arc<Position>, Whole)>,
    /// Sorted by position, all above the whole value's.
    #[serde(rename = "d", default, skip_serializing_if = "Vec::is_empty")]
    diffs: Vec<(Arc<Position>, TextDiff)>,
}

impl Cell {
    pub(super) fn of(position: &Arc<Position>, content: &Content) -> Self {
        let mut cell = Self::default();
        cell.write(position, content);
        cell
    }

    pub(super) fn write(&mut self, position: &Arc<Position>, content: &Content) {
        match content {
            Content::Whole(value) => self.write_whole(position, || Whole::Known(value.clone())),
            Content::Unknown => self.write_whole(position, || Whole::Unknown),
            Content::Diff(diff) => self.write_diff(position, diff),
        }
    }

    fn write_whole(&mut self, position: &Arc<Position>, whole: impl FnOnce() -> Whole) {
        // Two spellings of one leaf in one event: the one that says something stands.
        let newer = self
            .whole
            .as_ref()
            .is_none_or(|(at, old)| at < position || (at == position && matches!(old, Whole::Known(Value::Null))));
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

    /// About how many bytes of memory it takes, with what the tree has of it.
    pub(super) fn weight(&self) -> usize {
        let whole = match &self.whole {
            Some((_, Whole::Known(value))) => heap_of(value),
            Some((_, Whole::Unknown)) | None => 0,
        };
        let diffs = self.diffs.iter().map(|(_, diff)| size_of::<(Arc<Position>, TextDiff)>() + diff.weight());
        BESIDE + size_of::<Self>() + whole + diffs.sum::<usize>()
    }

    /// The newest whole write and its position.
    pub(super) fn whole(&self) -> Option<(&Position, &Whole)> {
        self.whole.as_ref().map(|(at, whole)| (&**at, whole))
    }

    /// The differences above the whole write, oldest first.
    pub(super) fn diffs(&self) -> impl Iterator<Item = (&Position, &TextDiff)> {
        self.diffs.iter().map(|(at, diff)| (&**at, diff))
    }

    /// Whether it may read as unknown.
    pub(super) fn is_doubtful(&self) -> bool {
        !self.diffs.is_empty() || matches!(self.whole, Some((_, Whole::Unknown)))
    }

    /// The position of the newest write of any kind.
    pub(super) fn newest(&self) -> Option<&Position> {
        let diff = self.diffs.last().map(|(at, _)| &**at);
        diff.or_else(|| self.whole().map(|(at, _)| at))
    }
}
