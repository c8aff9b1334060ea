//! The documented types of change events. `SNAPSHOT` is reserved by Salesforce and therefore unknown here.

use annals_domain::change::Lifecycle;
use annals_domain::event::EventType;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChangeType {
    Create,
    Update,
    Delete,
    Undelete,
    GapCreate,
    GapUpdate,
    GapDelete,
    GapUndelete,
    GapOverflow,
}

impl ChangeType {
    const ALL: [Self; 9] = [
        Self::Create,
        Self::Update,
        Self::Delete,
        Self::Undelete,
        Self::GapCreate,
        Self::GapUpdate,
        Self::GapDelete,
        Self::GapUndelete,
        Self::GapOverflow,
    ];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Undelete => "UNDELETE",
            Self::GapCreate => "GAP_CREATE",
            Self::GapUpdate => "GAP_UPDATE",
            Self::GapDelete => "GAP_DELETE",
            Self::GapUndelete => "GAP_UNDELETE",
            Self::GapOverflow => "GAP_OVERFLOW",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == name)
    }

    pub(super) fn event_type(self) -> EventType {
        match self {
            Self::Create => EventType::Created,
            Self::Update => EventType::Updated,
            Self::Delete => EventType::Deleted,
            Self::Undelete => EventType::Restored,
            Self::GapCreate | Self::GapUpdate | Self::GapDelete | Self::GapUndelete | Self::GapOverflow => {
                EventType::Gap
            }
        }
    }

    pub(super) fn lifecycle(self) -> Lifecycle {
        match self {
            Self::Delete | Self::GapDelete => Lifecycle::Deleted,
            _ => Lifecycle::Active,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_type_is_known_by_its_name_and_no_other() {
        for known in ChangeType::ALL {
            assert_eq!(ChangeType::named(known.as_str()), Some(known));
        }
        for unknown in ["SNAPSHOT", "create", "GAP", ""] {
            assert_eq!(ChangeType::named(unknown), None);
        }
    }
}
