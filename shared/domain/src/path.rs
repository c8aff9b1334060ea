//! Canonical paths of fields: `Name`, `BillingAddress.Country`.
//!
//! The parts are separated by dots. Which spelling is canonical is decided by the provider's adapter.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The canonical name of a field or of a struct of fields, whatever its spelling in the input.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Path(Arc<str>);

impl Path {
    /// The caller guarantees that `text` is canonical.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The parts, joined by dots.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The paths above this one, the nearest first.
    pub fn ancestors(&self) -> impl Iterator<Item = &str> {
        std::iter::successors(self.0.rsplit_once('.').map(|(head, _)| head), |path| {
            path.rsplit_once('.').map(|(head, _)| head)
        })
    }

    /// Whether one of the two is the other or is below it.
    pub fn overlaps(&self, other: &Self) -> bool {
        self == other || self.relative_to(other.as_str()).is_some() || other.relative_to(self.as_str()).is_some()
    }

    /// The rest of the path below `ancestor`: `Country` for `BillingAddress.Country` below `BillingAddress`.
    pub fn relative_to(&self, ancestor: &str) -> Option<&str> {
        self.0.strip_prefix(ancestor)?.strip_prefix('.')
    }
}

impl std::borrow::Borrow<str> for Path {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ancestors_are_walked_from_the_nearest() {
        let path = Path::new("a.b.c");
        assert_eq!(path.ancestors().collect::<Vec<_>>(), ["a.b", "a"]);
        assert_eq!(Path::new("a").ancestors().count(), 0);
    }

    #[test]
    fn a_path_is_relative_to_its_ancestors_only() {
        assert_eq!(Path::new("Name.LastName").relative_to("Name"), Some("LastName"));
        assert_eq!(Path::new("NameLastName").relative_to("Name"), None);
        assert_eq!(Path::new("Name").relative_to("Name"), None);
    }

    #[test]
    fn a_path_overlaps_its_ancestors_and_descendants_only() {
        let overlaps = |one: &str, other: &str| Path::new(one).overlaps(&Path::new(other));
        assert!(overlaps("a.b", "a.b") && overlaps("a", "a.b.c") && overlaps("a.b.c", "a"));
        assert!(!overlaps("a.b", "a.c") && !overlaps("a", "ab") && !overlaps("ab.c", "a"));
    }
}
