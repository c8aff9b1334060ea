//! Reads the raw state: which of the writes at, above and below a path count.
//!
//! The subtree rule: a write at a path counts for everything below it. A field shows only if it is not older than the
//! writes above it, and a newer write below a scalar value ends that value.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use serde_json::{Map, Value};

use crate::aggregate::Aggregate;
use crate::aggregate::field_history::{FieldHistory, FullValue};
use crate::path::Path;
use crate::position::{Position, Rank};

#[derive(Debug, Clone, PartialEq)]
pub enum FieldReading<'a> {
    Absent,
    /// It changed, and no event carried the new value.
    Unknown,
    /// A scalar, a list or null.
    Known(Cow<'a, Value>),
    /// A struct: its known fields, by their names below the path. It is not whole if some of its fields are unknown.
    Struct {
        known: BTreeMap<&'a str, Cow<'a, Value>>,
        is_whole: bool,
    },
}

impl Aggregate {
    pub fn read(&self, path: &Path) -> FieldReading<'_> {
        let above = self.newest_above(path);
        let mut from_here = self.fields.range::<str, _>((Bound::Included(path.as_str()), Bound::Unbounded)).peekable();
        let own_history = from_here.next_if(|(found, _)| *found == path).map(|(_, history)| &**history);
        let own = own_history.map_or(FieldReading::Absent, |history| show(history, above.map(|(at, _)| at)));
        let following = from_here.map(|(path, history)| (path, &**history));
        match own {
            FieldReading::Absent => self.read_without_own(path, above, following),
            shown => match self.read_struct(path, own_history, above, following) {
                Some(ended_by_children) => ended_by_children,
                None => shown,
            },
        }
    }

    /// The position of the event behind what [`Self::read`] gives for a path: of the writes at, above and below it, the
    /// newest decides.
    pub fn origin(&self, path: &Path) -> Option<Position> {
        let above = self.newest_above(path).map(|(at, _)| at);
        let own = self.fields.get(path.as_str()).and_then(|history| history.newest());
        let below = self.parts(path).filter_map(|(_, part)| part.newest());
        above.into_iter().chain(own).chain(below).max().copied()
    }

    /// Paths at which something changed and is not known. An unknown struct is named once, not once for each of its parts.
    pub fn unknown_paths(&self) -> BTreeSet<&Path> {
        let uncertain = self.fields.iter().filter(|(_, history)| history.is_uncertain());
        uncertain.flat_map(|(path, history)| self.unknown_at(path, history)).collect()
    }

    fn unknown_at<'a>(&'a self, path: &'a Path, history: &FieldHistory) -> Vec<&'a Path> {
        match (self.read(path), history.unknown()) {
            (FieldReading::Unknown, _) => vec![path],
            (FieldReading::Struct { is_whole: false, .. }, Some(since)) => self.unknown_parts(path, since),
            _ => Vec::new(),
        }
    }

    /// What is unknown of a struct that changed without its value, after some of its parts were written again: the struct,
    /// or, once a record image has stated it, the parts that the image left out.
    fn unknown_parts<'a>(&'a self, path: &'a Path, since: &Position) -> Vec<&'a Path> {
        if !self.parts(path).any(|(_, part)| is_stated_since(part, since)) {
            return vec![path];
        }
        self.parts(path).map(|(part, _)| part).filter(|part| self.read(part) == FieldReading::Unknown).collect()
    }

    /// The record as one JSON object: structs are nested, unknown fields are left out.
    pub fn raw(&self) -> Map<String, Value> {
        let mut object = Map::new();
        let roots: BTreeSet<&str> =
            self.fields.keys().map(|path| path.as_str().split('.').next().unwrap_or_default()).collect();
        for root in roots {
            match self.read(&Path::new(root)) {
                FieldReading::Known(value) => {
                    object.insert(root.to_owned(), value.into_owned());
                }
                FieldReading::Struct { known, .. } => {
                    let nested = known.into_iter().map(|(name, value)| (name.to_owned(), value.into_owned()));
                    object.insert(root.to_owned(), Value::Object(nested.collect()));
                }
                FieldReading::Absent | FieldReading::Unknown => {}
            }
        }
        object
    }

    /// The histories below a path, in the order of paths.
    fn parts<'a>(&'a self, path: &Path) -> impl Iterator<Item = (&'a Path, &'a FieldHistory)> {
        let following = self.fields.range::<str, _>((Bound::Excluded(path.as_str()), Bound::Unbounded));
        below(path, following.map(|(path, history)| (path, &**history)))
    }

    fn newest_above(&self, path: &Path) -> Option<(&Position, FullValue<'_>)> {
        path.ancestors().filter_map(|above| self.fields.get(above)?.newest_full()).max_by_key(|(at, _)| **at)
    }

    /// The value of a path without a write of its own: its children's, or what the newest write above it implies.
    fn read_without_own<'a>(
        &'a self,
        path: &Path,
        above: Option<(&Position, FullValue<'_>)>,
        following: impl Iterator<Item = (&'a Path, &'a FieldHistory)>,
    ) -> FieldReading<'a> {
        if let Some(children) = self.read_struct(path, None, above, following) {
            return children;
        }
        match above {
            Some((_, FullValue::Known(Value::Null))) => FieldReading::Known(Cow::Owned(Value::Null)),
            Some((_, FullValue::Unknown)) => FieldReading::Unknown,
            Some((_, FullValue::Known(_))) | None => FieldReading::Absent,
        }
    }

    /// The struct of the path's children, if one of them ends `own`, the path's own writes. `following` are the histories
    /// after the path's own, in the order of paths.
    fn read_struct<'a>(
        &'a self,
        path: &Path,
        own: Option<&FieldHistory>,
        above: Option<(&Position, FullValue<'_>)>,
        following: impl Iterator<Item = (&'a Path, &'a FieldHistory)>,
    ) -> Option<FieldReading<'a>> {
        let newest = own.and_then(FieldHistory::newest_full).into_iter().chain(above).max_by_key(|(at, _)| **at);
        let unknown_since = newest.filter(|(_, full)| *full == FullValue::Unknown).map(|(at, _)| at);
        let (mut ended, mut has_unknown, mut is_stated) = (false, false, unknown_since.is_none());
        let mut known = BTreeMap::new();
        for (child, history) in below(path, following) {
            ended |= own.is_none_or(|own| ends(history, own));
            is_stated |= unknown_since.is_some_and(|since| is_stated_since(history, since));
            let above = self.newest_above(child);
            match show(history, above.map(|(at, _)| at)) {
                FieldReading::Known(value) => {
                    known.insert(child.relative_to(path.as_str()).unwrap_or_default(), value);
                }
                FieldReading::Unknown => has_unknown = true,
                FieldReading::Absent => has_unknown |= above.is_some_and(|(_, full)| full == FullValue::Unknown),
                FieldReading::Struct { .. } => {}
            }
        }
        match (ended, known.is_empty()) {
            (true, false) => Some(FieldReading::Struct { known, is_whole: is_stated && !has_unknown }),
            (true, true) if has_unknown => Some(FieldReading::Unknown),
            _ => None,
        }
    }
}

/// The histories below `path`, of those that follow it in the order of paths.
fn below<'a>(
    path: &Path,
    following: impl Iterator<Item = (&'a Path, &'a FieldHistory)>,
) -> impl Iterator<Item = (&'a Path, &'a FieldHistory)> {
    // `A.b` and `A0` both start with `A`; only the first is below it.
    following
        .take_while(|(child, _)| child.as_str().starts_with(path.as_str()))
        .filter(|(child, _)| child.relative_to(path.as_str()).is_some())
}

/// Whether a record image states a part after its struct changed without its value. An image states all parts that may be
/// read.
fn is_stated_since(part: &FieldHistory, since: &Position) -> bool {
    part.newest().is_some_and(|at| at.rank != Rank::Change && at.source_order() > since.source_order())
}

/// Whether a write below a path ends the path's own value: it is newer, or it is a value in the event that made the path
/// null. A CRM may send a null struct beside its own parts.
fn ends(child: &FieldHistory, own: &FieldHistory) -> bool {
    let order = |history: &FieldHistory| history.newest().map(Position::source_order);
    let is_null = || own.newest_full().is_some_and(|(_, full)| full == FullValue::Known(&Value::Null));
    let has_value =
        || child.value().is_some_and(|(at, value)| !value.is_null() && Some(at.source_order()) == order(own));
    order(child) > order(own) || (is_null() && has_value())
}

/// The value of one history. Writes older than `above`, the newest full write above its path, do not count.
fn show<'a>(history: &'a FieldHistory, above: Option<&Position>) -> FieldReading<'a> {
    let counts = |at: &Position| above.is_none_or(|above| at.source_order() >= above.source_order());
    let last_diff = history.diffs().next_back().map(|(at, _)| at).filter(|at| counts(at));
    // A text that the newest difference gives is proved by its hash, whatever was unknown before.
    let is_unknown = |at: &Position| counts(at) && last_diff.is_none_or(|diff| diff.source_order() < at.source_order());
    if history.unknown().is_some_and(is_unknown) {
        return FieldReading::Unknown;
    }
    let value = history.value().filter(|(at, _)| counts(at)).map(|(_, value)| value);
    if last_diff.is_none() {
        return value.map_or(FieldReading::Absent, |value| FieldReading::Known(Cow::Borrowed(value)));
    }
    let Some(Value::String(base)) = value else { return FieldReading::Unknown };
    let mut diffs = history.diffs().filter(|(at, _)| counts(at));
    let patched = diffs.try_fold(base.clone(), |text, (_, diff)| diff.apply(&text));
    patched.map_or(FieldReading::Unknown, |text| FieldReading::Known(Cow::Owned(Value::String(text))))
}
