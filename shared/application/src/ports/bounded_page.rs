//! A page with a limit of results and of bytes: one rule for all lists and all adapters.
//!
//! A page is the longest run of results that keeps both limits, so that every adapter ends it before the same result.
//! An adapter adds results as it reads them and stops when told to, so that it never holds more than a page.

use std::io;

use serde::Serialize;

/// The most bytes of an answer.
pub const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;
/// The room in an answer for what is not a result: the count and the links, which repeat the query of the request.
const OTHER_BYTES: usize = 192 * 1024;
/// The most bytes of a page's results, as JSON.
pub const MAX_PAGE_BYTES: usize = MAX_ANSWER_BYTES - OTHER_BYTES;

/// Whether a result was added to a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    Yes,
    /// The page ended before it: no more results need to be read.
    No,
}

/// Why a page ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageEnd {
    /// There are no more results.
    Last,
    /// It has as many results as requested, and there are more.
    Full,
    /// The next result would exceed the bytes.
    Bytes,
    /// The first result alone exceeds the bytes; it has this many.
    TooLarge(usize),
}

/// The results of a page so far.
#[derive(Debug)]
pub struct BoundedPage<T> {
    results: Vec<T>,
    limit: u64,
    max_bytes: usize,
    bytes: usize,
    end: PageEnd,
}

impl<T> BoundedPage<T> {
    /// An empty page for up to `limit` results, whose JSON has up to `max_bytes`.
    pub fn new(limit: u64, max_bytes: usize) -> Self {
        Self { results: Vec::new(), limit, max_bytes, bytes: 0, end: PageEnd::Last }
    }

    /// Adds the next result, whose JSON has so many bytes, if it fits.
    pub fn add(&mut self, result: T, bytes: usize) -> Added {
        // A comma or a bracket follows each result.
        let bytes = bytes.saturating_add(1);
        if self.results.len() as u64 >= self.limit {
            self.end = PageEnd::Full;
        } else if self.bytes.saturating_add(bytes) > self.max_bytes {
            self.end = if self.results.is_empty() { PageEnd::TooLarge(bytes - 1) } else { PageEnd::Bytes };
        } else {
            self.bytes += bytes;
            self.results.push(result);
            return Added::Yes;
        }
        Added::No
    }

    /// The last result so far.
    pub fn last(&self) -> Option<&T> {
        self.results.last()
    }

    /// The number of results that may follow, before one more shows whether there is a next page.
    pub fn missing(&self) -> u64 {
        self.limit.saturating_sub(self.results.len() as u64)
    }

    /// The bytes that may follow.
    pub fn missing_bytes(&self) -> usize {
        self.max_bytes.saturating_sub(self.bytes)
    }

    /// The results, and why there are no more of them.
    pub fn finish(self) -> (Vec<T>, PageEnd) {
        (self.results, self.end)
    }
}

/// The number of bytes of a value as JSON, without writing it anywhere.
pub fn json_size(value: &impl Serialize) -> usize {
    struct Counter(usize);

    impl io::Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let mut counter = Counter(0);
    // A value without a JSON form is reported where it is written.
    let _ = serde_json::to_writer(&mut counter, value);
    counter.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The results of that many bytes, as far as they fit, and the end of the page.
    #[track_caller]
    fn check(sizes: &[usize], limit: u64, max_bytes: usize, expected: (usize, PageEnd)) {
        let mut page = BoundedPage::new(limit, max_bytes);
        let fits = sizes.iter().take_while(|size| page.add((), **size) == Added::Yes).count();
        let (results, end) = page.finish();
        assert_eq!((results.len(), end), expected, "{sizes:?}");
        assert_eq!(results.len(), fits, "{sizes:?}");
    }

    #[test]
    fn a_page_is_the_longest_run_within_both_limits() {
        check(&[], 3, 100, (0, PageEnd::Last));
        check(&[10, 10, 10], 3, 100, (3, PageEnd::Last));
        check(&[10, 10, 10, 10], 3, 100, (3, PageEnd::Full));
        check(&[49, 49, 1], 3, 100, (2, PageEnd::Bytes));
        check(&[49, 50], 3, 100, (1, PageEnd::Bytes));
        check(&[1], 0, 100, (0, PageEnd::Full));
    }

    #[test]
    fn a_first_result_over_the_limit_of_bytes_is_reported_with_its_size() {
        check(&[99], 3, 100, (1, PageEnd::Last));
        check(&[100, 1], 3, 100, (0, PageEnd::TooLarge(100)));
        check(&[usize::MAX], 3, 100, (0, PageEnd::TooLarge(usize::MAX - 1)));
    }

    #[test]
    fn the_size_of_a_value_is_that_of_its_json() {
        for text in ["", "é", "\u{0}\"\\", "🦀"] {
            assert_eq!(json_size(&text), serde_json::to_string(text).map_or(0, |json| json.len()), "{text:?}");
        }
    }
}
