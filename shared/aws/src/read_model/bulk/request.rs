//! The body of one bulk call, and which document and index each of its items is for.

use std::borrow::Cow;

use bytes::Bytes;

use crate::read_model::index::write_alias;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum WriteTarget {
    /// The index that serves readers, by its alias.
    Serving(String),
    /// An index that a rebuild fills, by its name.
    Filling(String),
}

impl WriteTarget {
    /// The name of the index or alias, as errors show it.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Serving(name) | Self::Filling(name) => name,
        }
    }

    pub(crate) fn alias(&self) -> Cow<'_, str> {
        match self {
            Self::Serving(alias) => Cow::Borrowed(alias),
            Self::Filling(index) => Cow::Owned(write_alias(index)),
        }
    }
}

/// One item of a bulk call: a document, by the caller's number, for one index.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BulkItem<'a> {
    pub(crate) number: usize,
    pub(crate) target: &'a WriteTarget,
    /// The offset after the last byte of the item.
    pub(crate) end: usize,
}

pub(crate) struct BulkRequest<'a> {
    pub(crate) body: Bytes,
    pub(crate) items: Vec<BulkItem<'a>>,
}

impl BulkRequest<'_> {
    /// The names of all indices in the call, as errors show them.
    pub(crate) fn resource(&self) -> String {
        let mut names: Vec<&str> = Vec::new();
        for item in &self.items {
            if !names.contains(&item.target.name()) {
                names.push(item.target.name());
            }
        }
        names.join(", ")
    }

    /// Two calls with half of the items each.
    pub(crate) fn halves(mut self) -> [Self; 2] {
        let second = self.items.split_off(self.items.len() / 2);
        let middle = self.items.last().map_or(0, |item| item.end);
        let second = second.into_iter().map(|item| BulkItem { end: item.end - middle, ..item }).collect();
        let body = self.body.split_off(middle);
        [self, Self { body, items: second }]
    }
}
