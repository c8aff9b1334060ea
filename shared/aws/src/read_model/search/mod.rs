//! Reading documents: translating queries, and reading their hits.

mod hits;
mod long_text;
mod order;
mod query;
mod searcher;
mod word_search;

pub use self::searcher::Searcher;
