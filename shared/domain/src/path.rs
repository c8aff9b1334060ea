//! Canonical paths of leaf fields: `Name`, `BillingAddress.Country`.
//!
//! Promises only that parts are separated by dots and that ancestors can be walked. Which spelling
//! is canonical for a provider is its adapter's knowledge.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The one name of a leaf field, or of a struct of leaves, whatever form it came in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Path(Arc<str>);

impl Path {
    /// A path that the caller knows to be canonical.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The text, parts joined by dots.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The paths above this one, nearest first.
    pub fn ancestors(&self) -> impl Iterator<Item = &str> {
        std::iter::successors(self.0.rsplit_once('.').map(|(head, _)| head), |path| {
            path.rsplit_once('.').map(|(head, _)| head)
        })
    }

    /// Whether one is the other or lies below it.
    pub fn is_in_line_with(&self, other: &Self) -> bool {
        self == other || self.below(other.as_str()).is_some() || other.below(self.as_str()).is_some()
    }

    /// What of `self` lies below `above`: `Country` for `BillingAddress.Country` below `BillingAddress`.
    pub fn below(&self, above: &str) -> Option<&str> {
        self.0.strip_prefix(above)?.strip_prefix('.')
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
    fn a_path_lies_below_its_ancestors_only() {
        assert_eq!(Path::new("Name.LastName").below("Name"), Some("LastName"));
        assert_eq!(Path::new("NameLastName").below("Name"), None);
        assert_eq!(Path::new("Name").below("Name"), None);
    }

    #[test]
    fn paths_are_in_line_up_and_down_and_not_sideways() {
        let in_line = |one: &str, other: &str| Path::new(one).is_in_line_with(&Path::new(other));
        assert!(in_line("a.b", "a.b") && in_line("a", "a.b.c") && in_line("a.b.c", "a"));
        assert!(!in_line("a.b", "a.c") && !in_line("a", "ab") && !in_line("ab.c", "a"));
    }
}
