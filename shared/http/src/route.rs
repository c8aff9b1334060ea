//! The routes of the API: method, path, and what each asks of its caller.
//!
//! Everything that depends on a route reads it here: the routers, the login, the check of scopes and the OpenAPI document.

use axum::routing::MethodFilter;

use crate::access::Access;

/// The prefix under which entities are served beside the paths of their plurals.
pub(crate) const ENTITIES: &str = "/entities";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    Health,
    OpenApi,
    ListEntities,
    CountEntities,
    GetEntity,
    History,
    Diff,
    Ingest,
    ListQuarantine,
    GetQuarantined,
    Redrive,
    Dismiss,
    StartBackfill,
    BackfillStatus,
    PauseBackfill,
    ResumeBackfill,
    CancelBackfill,
}

/// The method of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    Post,
    Delete,
}

impl Verb {
    /// Its name in an OpenAPI document.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Post => "post",
            Self::Delete => "delete",
        }
    }

    pub(crate) fn filter(self) -> MethodFilter {
        match self {
            Self::Get => MethodFilter::GET,
            Self::Post => MethodFilter::POST,
            Self::Delete => MethodFilter::DELETE,
        }
    }
}

impl Route {
    /// All, in the order of the document. Entities are also served without [`ENTITIES`] in front.
    pub(crate) const ALL: [Self; 17] = [
        Self::ListEntities,
        Self::CountEntities,
        Self::GetEntity,
        Self::History,
        Self::Diff,
        Self::Ingest,
        Self::ListQuarantine,
        Self::GetQuarantined,
        Self::Redrive,
        Self::Dismiss,
        Self::StartBackfill,
        Self::BackfillStatus,
        Self::PauseBackfill,
        Self::ResumeBackfill,
        Self::CancelBackfill,
        Self::Health,
        Self::OpenApi,
    ];

    fn declaration(self) -> (Verb, &'static str, Access) {
        use {Access::*, Verb::*};
        match self {
            Self::Health => (Get, "/health", Anyone),
            Self::OpenApi => (Get, "/openapi.json", LoggedIn),
            Self::ListEntities => (Get, "/entities/{type}", Reader),
            Self::CountEntities => (Get, "/entities/{type}/count", Reader),
            Self::GetEntity => (Get, "/entities/{type}/{id}", Reader),
            Self::History => (Get, "/entities/{type}/{id}/history", Reader),
            Self::Diff => (Get, "/entities/{type}/{id}/diff", Reader),
            Self::Ingest => (Post, "/events/{provider}", LoggedIn),
            Self::ListQuarantine => (Get, "/quarantine", Admin),
            Self::GetQuarantined => (Get, "/quarantine/{id}", Admin),
            Self::Redrive => (Post, "/quarantine/{id}/redrive", Admin),
            Self::Dismiss => (Delete, "/quarantine/{id}", Admin),
            Self::StartBackfill => (Post, "/events/backfill/{type}", Admin),
            Self::BackfillStatus => (Get, "/events/backfill/{type}/status", Admin),
            Self::PauseBackfill => (Post, "/events/backfill/{type}/pause", Admin),
            Self::ResumeBackfill => (Post, "/events/backfill/{type}/resume", Admin),
            Self::CancelBackfill => (Post, "/events/backfill/{type}/cancel", Admin),
        }
    }

    pub(crate) fn verb(self) -> Verb {
        self.declaration().0
    }

    pub(crate) fn path(self) -> &'static str {
        self.declaration().1
    }

    pub(crate) fn access(self) -> Access {
        self.declaration().2
    }

    /// The path without [`ENTITIES`] in front; of a route without it, the path.
    pub(crate) fn short_path(self) -> &'static str {
        self.path().strip_prefix(ENTITIES).unwrap_or(self.path())
    }

    /// Whether a path is that of a route without a login.
    pub(crate) fn is_open(path: &str) -> bool {
        Self::ALL.iter().any(|route| route.access() == Access::Anyone && route.path() == path)
    }

    /// Whether a first segment belongs to a route, so that it never names an entity type.
    pub(crate) fn is_fixed(segment: &str) -> bool {
        Self::ALL.iter().any(|route| route.path().split('/').nth(1) == Some(segment))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn all_has_every_route_once() {
        let declared: BTreeSet<_> = Route::ALL.iter().map(|route| (route.verb().name(), route.path())).collect();
        assert_eq!(declared.len(), Route::ALL.len());
        // A route that is not in `ALL` would have a number that is not below its length.
        assert!(Route::ALL.iter().all(|route| (*route as usize) < Route::ALL.len()));
        assert_eq!(Route::CancelBackfill as usize, Route::ALL.len() - 1);
    }

    #[test]
    fn only_health_is_open() {
        assert!(Route::is_open("/health"));
        for path in ["/openapi.json", "/clients", "/quarantine", "/healthy", ""] {
            assert!(!Route::is_open(path), "{path}");
        }
    }

    #[test]
    fn a_fixed_segment_is_no_entity_type() {
        for segment in ["entities", "events", "health", "openapi.json", "quarantine"] {
            assert!(Route::is_fixed(segment), "{segment}");
        }
        assert!(!Route::is_fixed("clients"));
        assert!(!Route::is_fixed("{type}"));
    }
}
