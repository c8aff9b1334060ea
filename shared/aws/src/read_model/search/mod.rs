//! Reading documents: translating queries, and reading their hits.

mod hit_page;
mod hits;
mod long_text;
mod multi_get;
mod order;
mod query;
mod searcher;
mod word_search;

pub use self::searcher::Searcher;
