//! Who follows the event feed: each consumer has a place of its own, so that none waits for another.

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FeedConsumer {
    /// Brings the read model and the refetch tasks up to date.
    ReadModel,
    /// Publishes changes to other systems.
    Publisher,
}

impl FeedConsumer {
    /// The name under which its place is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            // From when there was one place for all.
            Self::ReadModel => "projections",
            Self::Publisher => "publisher",
        }
    }
}
