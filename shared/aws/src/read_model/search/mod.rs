//! Reading documents: translating queries, and reading their hits.

mod query;
mod searcher;
mod word_search;

pub use self::searcher::Searcher;
