//! Ports: the interfaces of the use cases to stores, queues, clocks and other systems.
//!
//! A port's contract suite in `crate::contract` tests all its adapters.

mod account_registry;
mod bounded_page;
mod clock;
mod comparable;
mod crm_client;
mod crm_error;
mod crm_object;
mod crm_quota;
mod entity_query;
mod error;
mod event_publisher;
mod event_store;
mod feed_consumer;
mod field_selection;
mod job_store;
mod lag_notes;
mod lease_store;
mod live_entities;
mod object_notes;
mod object_registry;
mod parked_projections;
mod projection_jobs;
mod quarantine_store;
mod read_model;
mod refetch_queue;
mod snapshot_store;
mod state;
mod stream_sections;

pub use self::account_registry::AccountRegistry;
pub use self::bounded_page::{Added, BoundedPage, MAX_ANSWER_BYTES, MAX_PAGE_BYTES, PageEnd, json_size};
pub use self::clock::{Clock, Ids};
pub use self::comparable::{compared_number, compared_text, folded_text, prefix_end};
pub use self::crm_client::{
    CrmClient, FetchedRecord, IdPage, IdQuery, PageQuery, ReadWindow, RecordLookup, RecordPage,
};
pub use self::crm_error::{CrmError, CrmErrorKind};
pub use self::crm_object::{FieldDescription, ObjectDescription};
pub use self::crm_quota::{Quota, QuotaUsage};
pub use self::entity_query::{
    Comparison, Condition, EntityQuery, Filter, PageStart, QueryField, QueryValue, Sort, SortOrder, SortPosition,
};
pub use self::error::{PortError, PortErrorKind};
pub use self::event_publisher::{EventPublisher, NormalizedEntityEvent};
pub use self::event_store::{
    AppendError, CommitPosition, Direction, DuplicateSearch, EventFeed, EventStore, ReadOptions, SourceRecord,
    StoredEvent, StoredInput,
};
pub use self::feed_consumer::FeedConsumer;
pub use self::field_selection::FieldSelection;
pub use self::job_store::{
    BACKFILL_PAGE_SIZE, BackfillJob, BackfillMode, DeletionConsent, JobCounts, JobPace, JobState, JobStore,
};
pub use self::lag_notes::{LagNote, LagNotes};
pub use self::lease_store::{Lease, LeaseStore};
pub use self::live_entities::{LiveEntities, LiveEntity};
pub(crate) use self::object_notes::revise_note;
pub use self::object_notes::{AuditNote, ObjectNote, ObjectNotes, ObjectOfProvider, RequestedAudit};
pub use self::object_registry::ObjectRegistry;
pub use self::parked_projections::{ParkedProjection, ParkedProjections};
pub use self::projection_jobs::{JobOutcome, JobReport, ProjectionJob, ProjectionJobs};
pub use self::quarantine_store::{QuarantineEntry, QuarantinePlace, QuarantineState, QuarantineStore};
pub use self::read_model::{Document, FoundPage, IndexOutcome, ReadDocument, ReadModel};
pub use self::refetch_queue::{RefetchQueue, RefetchTask};
pub use self::snapshot_store::{Snapshot, SnapshotStore};
pub use self::state::StatePorts;
pub use self::stream_sections::{SectionRequest, SeparateSections, StreamSection, StreamSections};
