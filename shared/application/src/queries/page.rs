//! Pages of results, and what leads to the pages beside them.

/// A page of results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The results, in the order of the list.
    pub results: Vec<T>,
    /// The number of results on all pages, if it is known.
    pub count: Option<u64>,
    /// The page after this one; `None` after the last.
    pub next: Option<PageLink>,
    /// The page before this one; `None` before the first, and for a page by cursor.
    pub previous: Option<PageLink>,
}

impl<T> Page<T> {
    /// The same page of other results.
    pub fn map<U>(self, result: impl FnMut(T) -> U) -> Page<U> {
        let Self { results, count, next, previous } = self;
        Page { results: results.into_iter().map(result).collect(), count, next, previous }
    }
}

/// How a page is requested: the parameter and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PageLink {
    /// By `page`, from 1.
    Number(u64),
    /// By `cursor`.
    Cursor(String),
}
