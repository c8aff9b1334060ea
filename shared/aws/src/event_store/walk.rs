//! Searching a table without the index of late events, as earlier releases created it: the stream is walked back, newest
//! event first, down to the earliest timestamp sought.

use std::collections::HashSet;

use annals_application::ports::PortError;
use annals_domain::identity::EntityKey;
use annals_domain::position::{Position, Version};
use annals_domain::stream_head::Admission;
use annals_domain::timestamp::Timestamp;

use super::late_index::LateKey;
use crate::event_store::DynamoEventStore;

/// The events read at once.
const PAGE: u64 = 500;

impl DynamoEventStore {
    pub(super) async fn walk_back(
        &self,
        key: &EntityKey,
        newest: Version,
        positions: &[Position],
    ) -> Result<Vec<Admission>, PortError> {
        let Some(earliest) = positions.iter().map(|position| position.timestamp).min() else { return Ok(Vec::new()) };
        let mut found: HashSet<LateKey> = HashSet::new();
        let mut to = newest.get();
        while to > 0 {
            let from = (to + 1).saturating_sub(PAGE).max(1);
            let events = self.read_outlines(key, Version::new(from), Version::new(to)).await?;
            found.extend(events.iter().map(|outline| outline.place));
            if events.first().is_none_or(|oldest| oldest.head.is_before(earliest)) {
                break;
            }
            to = from - 1;
        }
        let images: HashSet<Timestamp> = found.iter().filter(|place| place.is_image).map(|key| key.timestamp).collect();
        let admission = |position: &Position| match found.contains(&LateKey::of(position)) {
            true => Admission::Duplicate,
            false => Admission::New { at_image: images.contains(&position.timestamp) },
        };
        Ok(positions.iter().map(admission).collect())
    }
}
