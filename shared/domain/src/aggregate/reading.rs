//! Reading the raw state: which writes show.
//!
//! Promises the subtree rule: a write at a path stands for all below it, so a leaf shows only if it
//! is not older than any ancestor's write, and a child's newer write ends a scalar parent.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Bound;

use serde_json::{Map, Value};

use crate::aggregate::Aggregate;
use crate::aggregate::cell::{Cell, Whole};
use crate::path::Path;
use crate::position::Position;

/// What shows at a path.
#[derive(Debug, Clone, PartialEq)]
pub enum Reading<'a> {
    /// Nothing was ever written there.
    Absent,
    /// It changed to something that no event carried.
    Unknown,
    /// A scalar, a list or null.
    Known(Cow<'a, Value>),
    /// A struct: its leaves that are known, by their names below the path.
    Struct(BTreeMap<&'a str, Cow<'a, Value>>),
}

impl Aggregate {
    /// What shows at `path`.
    pub fn read(&self, path: &Path) -> Reading<'_> {
        let above = self.newest_above(path);
        let mut from_here = self.cells.range::<str, _>((Bound::Included(path.as_str()), Bound::Unbounded)).peekable();
        let cell = from_here.next_if(|(found, _)| *found == path).map(|(_, cell)| &**cell);
        let own = cell.map_or(Reading::Absent, |cell| show(cell, above.map(|(at, _)| at)));
        let behind = from_here.map(|(path, cell)| (path, &**cell));
        match own {
            Reading::Absent => self.read_without_own(path, above, behind),
            shown => match self.read_struct(path, cell.and_then(|cell| cell.newest()), behind) {
                Some(ended_by_children) => ended_by_children,
                None => shown,
            },
        }
    }

    /// Paths at which something changed and is not known.
    pub fn unknown_paths(&self) -> impl Iterator<Item = &Path> {
        // Only a write of its own can make a path unknown here: those below are told by their parent's.
        let doubtful = self.cells.iter().filter(|(_, cell)| cell.is_doubtful());
        doubtful.map(|(path, _)| path).filter(|path| self.read(path) == Reading::Unknown)
    }

    /// The record as one JSON object: structs nested, unknown leaves left out.
    pub fn raw(&self) -> Map<String, Value> {
        let mut object = Map::new();
        let roots: std::collections::BTreeSet<&str> =
            self.cells.keys().map(|path| path.as_str().split('.').next().unwrap_or_default()).collect();
        for root in roots {
            match self.read(&Path::new(root)) {
                Reading::Known(value) => {
                    object.insert(root.to_owned(), value.into_owned());
                }
                Reading::Struct(leaves) => {
                    let nested = leaves.into_iter().map(|(name, value)| (name.to_owned(), value.into_owned()));
                    object.insert(root.to_owned(), Value::Object(nested.collect()));
                }
                Reading::Absent | Reading::Unknown => {}
            }
        }
        object
    }

    /// The newest whole write above a path.
    fn newest_above(&self, path: &Path) -> Option<(&Position, &Whole)> {
        path.ancestors().filter_map(|above| self.cells.get(above)?.whole()).max_by_key(|(at, _)| **at)
    }

    /// A path with no write of its own that shows: its children's, or its ancestor's word for it.
    fn read_without_own<'a>(
        &'a self,
        path: &Path,
        above: Option<(&Position, &Whole)>,
        behind: impl Iterator<Item = (&'a Path, &'a Cell)>,
    ) -> Reading<'a> {
        if let Some(children) = self.read_struct(path, None, behind) {
            return children;
        }
        match above {
            Some((_, Whole::Known(Value::Null))) => Reading::Known(Cow::Owned(Value::Null)),
            Some((_, Whole::Unknown)) => Reading::Unknown,
            Some((_, Whole::Known(_))) | None => Reading::Absent,
        }
    }

    /// The children's leaves, where one of them is newer than `own`, the path's own write. `behind`: the
    /// cells behind the path's own.
    fn read_struct<'a>(
        &'a self,
        path: &Path,
        own: Option<&Position>,
        behind: impl Iterator<Item = (&'a Path, &'a Cell)>,
    ) -> Option<Reading<'a>> {
        let (mut ended, mut unknown) = (false, false);
        let mut leaves = BTreeMap::new();
        for (child, cell) in below(path, behind) {
            ended |= cell.newest() > own;
            match show(cell, self.newest_above(child).map(|(at, _)| at)) {
                Reading::Known(value) => {
                    leaves.insert(child.below(path.as_str()).unwrap_or_default(), value);
                }
                Reading::Unknown => unknown = true,
                Reading::Absent | Reading::Struct(_) => {}
            }
        }
        match (ended, leaves.is_empty()) {
            (true, false) => Some(Reading::Struct(leaves)),
            (true, true) if unknown => Some(Reading::Unknown),
            _ => None,
        }
    }
}

/// Those of the cells behind a path's own that lie below it.
fn below<'a>(
    path: &Path,
    behind: impl Iterator<Item = (&'a Path, &'a Cell)>,
) -> impl Iterator<Item = (&'a Path, &'a Cell)> {
    // `A.b` and `A0` both start with `A`; only the first lies below it.
    behind
        .take_while(|(child, _)| child.as_str().starts_with(path.as_str()))
        .filter(|(child, _)| child.below(path.as_str()).is_some())
}

/// What a cell shows where the newest write above it stands at `above`.
fn show<'a>(cell: &'a Cell, above: Option<&Position>) -> Reading<'a> {
    let whole = cell.whole().filter(|(at, _)| above.is_none_or(|above| *at >= above)).map(|(_, whole)| whole);
    let mut diffs = cell.diffs().filter(|(at, _)| above.is_none_or(|above| *at >= above)).peekable();
    if diffs.peek().is_none() {
        return match whole {
            Some(Whole::Known(value)) => Reading::Known(Cow::Borrowed(value)),
            Some(Whole::Unknown) => Reading::Unknown,
            None => Reading::Absent,
        };
    }
    let Some(Whole::Known(Value::String(base))) = whole else { return Reading::Unknown };
    let patched = diffs.try_fold(base.clone(), |text, (_, diff)| diff.apply(&text));
    patched.map_or(Reading::Unknown, |text| Reading::Known(Cow::Owned(Value::String(text))))
}
