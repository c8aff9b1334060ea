//! What becomes of changes whose record nothing has stated yet.
//!
//! Promises that such a change is stored all the same; its entity waits, its history is visible.

use crate::change::Change;
use crate::head::StreamHead;

/// Whether the entity still waits for its base once `change` is stored behind `head`.
pub fn awaits_base(head: Option<&StreamHead>, change: &Change) -> bool {
    !change.is_base && head.is_none_or(|head| head.base.is_none())
}
