//! Records that were read from a CRM.

use std::collections::BTreeSet;
use std::sync::Arc;

use annals_domain::identity::{EntityName, ExternalId, Provider};
use annals_domain::path::Path;
use annals_domain::timestamp::Timestamp;
use uuid::Uuid;

/// Records of one object that were read together.
#[derive(Debug, Clone)]
pub struct ReadRecords<'a> {
    pub provider: Provider,
    pub object: &'a EntityName,
    /// The fields that change without their record being modified.
    pub calculated: &'a BTreeSet<Path>,
    pub records: Vec<ReadRecord>,
    /// Whether most of the records probably have no event, as in a first backfill. Then it is asked first which ones
    /// have, for many at once; of other records that would be a read more each.
    pub are_mostly_unknown: bool,
    /// By the CRM's clock.
    pub fetched_at: Timestamp,
    pub correlation_id: Option<String>,
}

#[derive(Debug, Clone)]
pub struct ReadRecord {
    pub id: ExternalId,
    /// `None` if the CRM confirmed that it has no such record.
    pub record: Option<Arc<str>>,
    /// The causation id: the event or job for which it was read.
    pub caused_by: Uuid,
}
