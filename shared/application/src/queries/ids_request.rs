//! Requests for several entities at one moment.

use super::moment::MomentRequest;

/// A request for the entities with some ids as they were at a moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IdsRequest {
    /// Aggregate ids or external ids, up to [`MAX_IDS`](super::MAX_IDS).
    pub ids: Vec<String>,
    /// By its clocks; versions of several entities have nothing in common.
    pub moment: MomentRequest,
    /// The names of the fields that each entity has, separated by commas. Default: all.
    pub fields: Option<String>,
    /// Where the page starts: the cursor of an earlier page's `next`. Default: at the first id.
    pub cursor: Option<String>,
}
