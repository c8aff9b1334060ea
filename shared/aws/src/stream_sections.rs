//! Sections of streams in one request: the snapshot before them from the state table, and their events from the events
//! table, by their keys.
//!
//! Snapshots are at multiples of an interval, so the key of the newest one is known. If it is not there (projection may be
//! behind, or an earlier release stored others) or the section is long, two requests read the same one after the other.

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::sync::Arc;

use annals_application::ports::{
    PortError, SectionRequest, SeparateSections, StoredEvent, StreamSection, StreamSections,
};
use annals_domain::position::Version;
use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};

use crate::client::port_error;
use crate::event_store::DynamoEventStore;
use crate::state_store::DynamoStateStore;

/// DynamoDB's limit of keys in one request.
const KEYS_A_REQUEST: u64 = 100;

type Item = HashMap<String, AttributeValue>;

pub struct DynamoSections {
    client: Client,
    events: DynamoEventStore,
    state: DynamoStateStore,
    /// The number of versions between two snapshots.
    interval: NonZeroU64,
    separate: SeparateSections,
}

impl DynamoSections {
    pub fn new(config: &SdkConfig, events: DynamoEventStore, state: DynamoStateStore, interval: NonZeroU64) -> Self {
        let separate = SeparateSections { store: Arc::new(events.clone()), snapshots: Arc::new(state.clone()) };
        Self { client: Client::new(config), events, state, interval, separate }
    }

    /// `None` if the snapshot is not there.
    async fn read_at_once(
        &self,
        request: &SectionRequest<'_>,
        snapshot: Version,
    ) -> Result<Option<StreamSection>, PortError> {
        let mut tables = self.items(request, snapshot).await?;
        let Some(item) = tables.remove(self.state.table()).into_iter().flatten().next() else { return Ok(None) };
        let Some(state) = self.state.snapshot(request.key, item).await? else { return Ok(None) };
        let items = tables.remove(self.events.table()).unwrap_or_default();
        let events = self.events_after(request, snapshot, items)?;
        Ok(Some(StreamSection { state: Some(state), events }))
    }

    /// The items of both tables. DynamoDB leaves some out if they have more than 16 MB.
    async fn items(
        &self,
        request: &SectionRequest<'_>,
        snapshot: Version,
    ) -> Result<HashMap<String, Vec<Item>>, PortError> {
        let versions = snapshot.next().get()..=request.to.get();
        let events = versions.map(|version| DynamoEventStore::item_key(request.key, Version::new(version)));
        let tables = HashMap::from([
            (self.events.table().to_owned(), consistent(events.collect())),
            (self.state.table().to_owned(), consistent(vec![DynamoStateStore::snapshot_key(request.key, snapshot)])),
        ]);
        let response = self.client.batch_get_item().set_request_items(Some(tables)).send().await;
        let response = response.map_err(|error| port_error(self.events.table(), error))?;
        Ok(response.responses.unwrap_or_default())
    }

    /// The events from the snapshot to the first one that is missing, within the bytes of the request.
    fn events_after(
        &self,
        request: &SectionRequest<'_>,
        snapshot: Version,
        items: Vec<Item>,
    ) -> Result<Vec<StoredEvent>, PortError> {
        let by_version = items.into_iter().filter_map(|item| Some((DynamoEventStore::version_of(&item)?, item)));
        let mut by_version: HashMap<Version, Item> = by_version.collect();
        let (mut events, mut bytes, mut next) = (Vec::new(), 0, snapshot.next());
        while bytes < request.max_bytes
            && let Some(item) = by_version.remove(&next)
        {
            let stored = self.events.decoded(request.key, item)?;
            bytes += stored.event.data.len();
            events.push(stored);
            next = next.next();
        }
        Ok(events)
    }
}

#[async_trait]
impl StreamSections for DynamoSections {
    async fn read(&self, request: &SectionRequest<'_>) -> Result<StreamSection, PortError> {
        let snapshot = Version::new(request.from.previous().get() / self.interval * self.interval.get());
        if snapshot < Version::FIRST {
            return self.separate.read(&SectionRequest { from: Version::FIRST, ..*request }).await;
        }
        if request.to.get() - snapshot.get() < KEYS_A_REQUEST
            && let Some(section) = self.read_at_once(request, snapshot).await?
        {
            return Ok(section);
        }
        self.separate.read(request).await
    }
}

fn consistent(keys: Vec<Item>) -> KeysAndAttributes {
    let keys = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true);
    keys.build().expect("there are keys")
}
