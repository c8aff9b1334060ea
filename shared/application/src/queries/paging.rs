//! Pages: the limits that every list of Annals has, over HTTP, on the command line and in the read model.

use super::filter::InvalidParameter;
use super::page::PageLink;

/// The number of results on a page if the request names no other.
pub const DEFAULT_PAGE_SIZE: u64 = 20;
/// The largest number of results on a page.
pub const MAX_PAGE_SIZE: u64 = 200;
/// Pages of entities start before this result. A search engine sorts all results up to a page's end, so
/// deep pages are expensive; OpenSearch's default limit is the same number.
pub const MAX_PAGE_OFFSET: u64 = 10_000;
/// The last result that a page can reach: a page that starts just below [`MAX_PAGE_OFFSET`] still fits.
pub const MAX_RESULT_WINDOW: u64 = MAX_PAGE_OFFSET + MAX_PAGE_SIZE;

/// A page of a list, with valid numbers.
#[derive(Debug, Clone, Copy)]
pub(super) struct PageNumbers {
    /// Counts from 1.
    pub(super) page: u64,
    pub(super) page_size: u64,
}

impl PageNumbers {
    /// Checks a request's numbers. An invalid one is reported in `invalid` and replaced by 1.
    pub(super) fn checked(page: Option<u64>, page_size: Option<u64>, invalid: &mut Vec<InvalidParameter>) -> Self {
        let page = page.unwrap_or(1);
        let page_size = page_size.unwrap_or(DEFAULT_PAGE_SIZE);
        if page == 0 {
            invalid.push(InvalidParameter::new("page", "invalid value `0`: expected a number from 1"));
        }
        if !(1..=MAX_PAGE_SIZE).contains(&page_size) {
            let message = format!("invalid value `{page_size}`: expected a number from 1 to {MAX_PAGE_SIZE}");
            invalid.push(InvalidParameter::new("page_size", message));
        }
        Self { page: page.max(1), page_size: page_size.clamp(1, MAX_PAGE_SIZE) }
    }

    /// The page after this one.
    pub(super) fn next(self) -> PageLink {
        PageLink::Number(self.page.saturating_add(1))
    }

    /// The page before this one.
    pub(super) fn previous(self) -> Option<PageLink> {
        (self.page > 1).then(|| PageLink::Number(self.page - 1))
    }

    /// How many results are on this page and those before it.
    pub(super) fn end(self) -> u64 {
        self.offset().saturating_add(self.page_size)
    }

    /// How many results come before this page.
    pub(super) fn offset(self) -> u64 {
        (self.page - 1).saturating_mul(self.page_size)
    }
}
