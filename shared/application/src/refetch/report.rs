//! What a run of refetch came to.

use serde::Serialize;

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct RefetchReport {
    /// Records that were read.
    pub read: usize,
    /// Tasks that ended.
    pub finished: usize,
    /// Tasks that ended without a read, because the creation of their record came meanwhile.
    pub unneeded: usize,
    /// Tasks that are tried again later.
    pub postponed: usize,
    /// Tasks that ended though a field is still unknown.
    pub unreadable: usize,
    /// Why the tasks of a CRM wait, one reason a CRM.
    pub waiting: Vec<String>,
    /// Whether another process refetches now, so that this one did nothing.
    pub is_elsewhere: bool,
}
