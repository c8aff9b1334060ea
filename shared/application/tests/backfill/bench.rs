//! The use cases over a SQLite file of their own, at a time that is set by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use annals_application::backfill::Backfill;
use annals_application::ports::{BackfillJob, BackfillMode, Clock, JobCounts, JobPace, JobState, StatePorts};
use annals_crm::salesforce::Salesforce;
use annals_domain::definition::Catalog;
use annals_domain::identity::{EntityName, Provider};
use annals_domain::provider_adapter::{ProviderAdapter, ProviderAdapters};
use annals_domain::timestamp::Timestamp;
use annals_sqlite::{Database, SqliteStateStore};
use tempfile::TempDir;
use uuid::Uuid;

/// Seconds since 1970, until set anew.
pub(crate) struct SetClock(AtomicI64);

impl SetClock {
    pub(crate) fn set(&self, seconds: i64) {
        self.0.store(seconds, Ordering::Relaxed);
    }
}

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        timestamp(self.0.load(Ordering::Relaxed))
    }
}

pub(crate) struct Bench {
    pub(crate) backfill: Backfill,
    pub(crate) state: StatePorts,
    pub(crate) clock: Arc<SetClock>,
    _folder: TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let state = StatePorts::of(SqliteStateStore::new(Database::open(&folder.path().join("annals.db")).unwrap()));
        let adapters = ProviderAdapters::new([Arc::new(Salesforce::new(None)) as Arc<dyn ProviderAdapter>]);
        let catalog = Arc::new(Catalog::built_in(&adapters).unwrap());
        let clock = Arc::new(SetClock(AtomicI64::new(1)));
        let backfill = Backfill::new(
            Arc::clone(&state.jobs),
            Arc::clone(&state.objects),
            catalog,
            adapters,
            Arc::clone(&clock) as _,
        );
        Self { backfill, state, clock, _folder: folder }
    }

    pub(crate) async fn jobs(&self) -> Vec<BackfillJob> {
        self.state.jobs.all().await.unwrap()
    }

    /// Ends all jobs of an object as whoever reads would.
    pub(crate) async fn end(&self, object: &str, state: JobState) {
        for job in self.jobs().await.iter().filter(|job| job.entity_name.as_str() == object) {
            self.bring_to(job, state).await;
        }
    }

    pub(crate) async fn end_one(&self, number: u128, state: JobState) {
        for job in self.jobs().await.iter().filter(|job| job.id.as_u128() == number) {
            self.bring_to(job, state).await;
        }
    }

    async fn bring_to(&self, job: &BackfillJob, state: JobState) {
        assert!(self.state.jobs.update(&BackfillJob { state, ..job.clone() }, job).await.unwrap());
    }
}

pub(crate) fn timestamp(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000).unwrap()
}

/// A job as a change event that names no record asks for it.
pub(crate) fn by_wildcard(number: u128, object: &str, at: i64) -> BackfillJob {
    BackfillJob {
        id: Uuid::from_u128(number),
        provider: Provider::Salesforce,
        entity_name: EntityName::new(object),
        mode: BackfillMode::Full,
        page_size: 50,
        input: format!("{{\"n\": {number}}}"),
        created_at: timestamp(at),
        state: JobState::Waiting,
        reason: "a wildcard names no record".to_owned(),
        counts: JobCounts::default(),
        started_at: None,
        updated_at: None,
        pace: JobPace::default(),
    }
}
