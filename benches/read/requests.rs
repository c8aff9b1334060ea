//! The requests that are measured.

use crate::clients::external_id;

/// What is measured of a request.
pub(crate) enum Kind {
    Get,
    List,
    OldestFirst,
    Filter,
    Search,
    Count,
    /// All pages of a walk by cursor.
    Walk,
}

pub(crate) struct MeasuredRequest {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) path: String,
}

/// The status of a third of the clients.
pub(crate) const STATUS: &str = "Inactive";
/// The entities of a page of the walk.
pub(crate) const PAGE: usize = 200;
/// The pages of the walk: 5,000 entities.
pub(crate) const PAGES: usize = 25;

/// The words of the search, folded: one that all clients have, and one that few have.
pub(crate) fn words(count: usize) -> [String; 2] {
    ["company".to_owned(), (count / 2).to_string()]
}

pub(crate) fn all(count: usize) -> Vec<MeasuredRequest> {
    let request = |name, kind, path: String| MeasuredRequest { name, kind, path };
    vec![
        request("get", Kind::Get, format!("/clients/{}", external_id(count / 2))),
        request("list of 20, newest first", Kind::List, "/clients".to_owned()),
        request("list of 20, oldest first", Kind::OldestFirst, "/clients?sort=created_at".to_owned()),
        request("list of 20 by status", Kind::Filter, format!("/clients?status={STATUS}")),
        request("search of two words", Kind::Search, format!("/clients?search_term={}", words(count).join("+"))),
        request("count by status", Kind::Count, format!("/clients/count?status={STATUS}")),
        request("page of 200 in a walk by cursor", Kind::Walk, format!("/clients?cursor=&page_size={PAGE}")),
    ]
}
