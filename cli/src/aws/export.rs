//! The entities of a type at a moment, folded from a scan of the events table.
//!
//! A few segments are scanned at the same time, each stream by stream. The memory is one page of events and one record a
//! segment. The entities come in no particular order.

use std::sync::Arc;

use annals_application::ports::StoredInput;
use annals_application::projection::StreamFolder;
use annals_aws::event_store::{ScanKey, ScannedInput, Undecodable};
use annals_domain::aggregate::Aggregate;
use annals_domain::definition::{Catalog, EntitySchema};
use annals_domain::identity::{EntityKey, EntityName};
use annals_domain::provider_adapter::ProviderAdapters;
use annals_domain::timestamp::Timestamp;
use annals_lambda::Installation;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use serde_json::value::to_raw_value;

use super::{Aws, settings};
use crate::arguments::Shared;
use crate::exit::Failure;
use crate::export::entity::{EntityRow, EntitySource, ExportedEntity};
use crate::export::objects::objects_of;

/// The number of segments, which are scanned at the same time.
const SEGMENTS: u32 = 4;

pub(crate) async fn past_entities(
    shared: &Shared,
    schema: &EntitySchema,
    as_of: Timestamp,
) -> Result<EntitySource, Failure> {
    let tables = settings::tables(&shared.on_aws, shared.salesforce_org.as_deref())?;
    let installation = Aws::connect(tables).await?.installation;
    let segments = (0..SEGMENTS).map(|segment| {
        let fold = SegmentFold {
            adapters: installation.adapters.clone(),
            catalog: Arc::clone(&installation.catalog),
            objects: objects_of(schema),
            as_of,
            current: None,
        };
        entities_of(installation.clone(), segment, fold)
    });
    let entities = stream::select_all(segments.collect::<Vec<_>>()).boxed();
    Ok(EntitySource { entities, total: None, is_ordered: false })
}

/// Where the scan of a segment is.
enum Place {
    At(Option<ScanKey>),
    End,
}

fn entities_of(
    installation: Installation,
    segment: u32,
    fold: SegmentFold,
) -> BoxStream<'static, Result<ExportedEntity, Failure>> {
    let pages = stream::try_unfold((fold, Place::At(None)), move |(mut fold, place)| {
        let events = installation.events.clone();
        async move {
            let Place::At(start) = place else { return Ok(None) };
            let page = events.scan_page(segment, SEGMENTS, start).await?;
            let mut done = Vec::new();
            for item in page.items {
                fold.add(item, &mut done);
            }
            let place = match page.next {
                Some(next) => Place::At(Some(next)),
                None => {
                    done.extend(fold.finish());
                    Place::End
                }
            };
            Ok::<_, Failure>(Some((stream::iter(done.into_iter().map(Ok)), (fold, place))))
        }
    });
    pages.try_flatten().boxed()
}

/// The fold of a segment's streams, one after the other.
struct SegmentFold {
    adapters: ProviderAdapters,
    catalog: Arc<Catalog>,
    objects: Vec<EntityName>,
    as_of: Timestamp,
    current: Option<CurrentStream>,
}

/// The stream that the scan is in.
struct CurrentStream {
    key: EntityKey,
    /// `None` before the first event that counts.
    state: Option<Aggregate>,
    failure: Option<String>,
}

impl SegmentFold {
    /// Folds the next event of the segment. The entity of the stream before it goes to `done`.
    fn add(&mut self, item: Result<ScannedInput, Undecodable>, done: &mut Vec<ExportedEntity>) {
        let key = match &item {
            Ok(scanned) => Some(scanned.key.clone()),
            Err(undecodable) => undecodable.key.entity_key.parse().ok(),
        };
        let Some(key) = key.filter(|key: &EntityKey| self.objects.contains(&key.entity_name)) else { return };
        if self.current.as_ref().is_none_or(|current| current.key != key) {
            done.extend(self.finish());
        }
        let current = self.current.get_or_insert(CurrentStream { key, state: None, failure: None });
        let folded = match item {
            Ok(scanned) if scanned.input.position.timestamp > self.as_of => Ok(()),
            Ok(scanned) => current.fold(&self.adapters, &scanned.input),
            Err(undecodable) => Err(undecodable.to_string()),
        };
        if let Err(reason) = folded {
            current.failure.get_or_insert(reason);
        }
    }

    /// The entity of the last stream, if it was visible at the moment.
    fn finish(&mut self) -> Option<ExportedEntity> {
        let CurrentStream { key, state, failure } = self.current.take()?;
        let unreadable = |reason: String| ExportedEntity::Unreadable { key: key.to_string(), reason };
        if let Some(reason) = failure {
            return Some(unreadable(reason));
        }
        let document = StreamFolder::new(&self.adapters, Some(state?)).document(&self.catalog)?;
        let json = to_raw_value(&document.entity.as_json(&document.schema));
        let entity = |json| ExportedEntity::Entity(EntityRow { aggregate_id: key.aggregate_id, json });
        Some(json.map_or_else(|error| unreadable(error.to_string()), entity))
    }
}

impl CurrentStream {
    fn fold(&mut self, adapters: &ProviderAdapters, input: &StoredInput) -> Result<(), String> {
        let mut folder = StreamFolder::new(adapters, self.state.take());
        let folded = folder.fold_input(&self.key, input);
        self.state = folder.into_state();
        folded.map_err(|error| error.to_string())
    }
}
