//! A client of a CRM, and leases, that do something before each call: write to the org, pause a job, or stop for ever, as
//! a process that is killed does.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use annals_application::ports::{
    CrmClient, CrmError, IdPage, IdQuery, Lease, LeaseStore, ObjectDescription, PageQuery, PortError, QuotaUsage,
    ReadWindow, RecordLookup, RecordPage,
};
use annals_domain::identity::{EntityName, ExternalId, Provider};
use annals_domain::timestamp::Timestamp;
use async_trait::async_trait;
use tokio::sync::Notify;
use uuid::Uuid;

/// What is done before call number n, from 1.
pub type Hook = Arc<dyn Fn(u64) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// Calls a hook before each read of records.
pub struct Interposed {
    /// The client that answers.
    pub client: Arc<dyn CrmClient>,
    /// What is done before.
    pub hook: Hook,
    /// What is done after.
    after: Option<Hook>,
    calls: AtomicU64,
}

impl Interposed {
    /// With that hook before each page and each lookup.
    pub fn new(client: Arc<dyn CrmClient>, hook: Hook) -> Self {
        Self { client, hook, after: None, calls: AtomicU64::new(0) }
    }

    /// The same hook also after each of these calls: what was read is not stored yet then.
    #[must_use]
    pub fn and_after(self) -> Self {
        Self { after: Some(Arc::clone(&self.hook)), ..self }
    }

    async fn around<T>(&self, call: impl Future<Output = T>) -> T {
        let number = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        (self.hook)(number).await;
        let done = call.await;
        if let Some(after) = &self.after {
            after(number).await;
        }
        done
    }
}

#[async_trait]
impl CrmClient for Interposed {
    fn provider(&self) -> Provider {
        self.client.provider()
    }

    fn name(&self) -> &str {
        self.client.name()
    }

    fn ids_per_call(&self) -> usize {
        self.client.ids_per_call()
    }

    async fn describe(&self, object: &EntityName) -> Result<ObjectDescription, CrmError> {
        self.client.describe(object).await
    }

    async fn count(&self, object: &EntityName, window: ReadWindow) -> Result<u64, CrmError> {
        self.client.count(object, window).await
    }

    async fn page(&self, query: &PageQuery) -> Result<RecordPage, CrmError> {
        self.around(self.client.page(query)).await
    }

    async fn ids(&self, query: &IdQuery) -> Result<IdPage, CrmError> {
        self.around(self.client.ids(query)).await
    }

    async fn records(
        &self,
        object: &EntityName,
        fields: &[String],
        ids: &[ExternalId],
    ) -> Result<RecordLookup, CrmError> {
        self.around(self.client.records(object, fields, ids)).await
    }

    async fn alive(&self, object: &EntityName, ids: &[ExternalId]) -> Result<Vec<ExternalId>, CrmError> {
        self.around(self.client.alive(object, ids)).await
    }

    async fn usage(&self) -> Result<Vec<QuotaUsage>, CrmError> {
        self.client.usage().await
    }
}

/// Kills whoever passes it too often.
#[derive(Default)]
pub struct KillSwitch {
    left: AtomicU64,
    killed: Notify,
}

impl KillSwitch {
    /// Kills at the pass with this number from now on; 0: never.
    pub fn arm(&self, pass: u64) {
        self.left.store(pass, Ordering::SeqCst);
    }

    /// Passes, or never returns.
    pub async fn pass(&self) {
        let left = self.left.load(Ordering::SeqCst);
        if left == 0 {
            return;
        }
        self.left.store(left - 1, Ordering::SeqCst);
        if left == 1 {
            self.killed.notify_one();
            std::future::pending::<()>().await;
        }
    }

    /// Runs work until it ends or is killed. `None`: it was killed.
    pub async fn run<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            done = work => Some(done),
            () = self.killed.notified() => None,
        }
    }
}

/// Leases whose holder may be killed before a checkpoint is stored, or the work is finished.
pub struct KillingLeases {
    /// The leases.
    pub leases: Arc<dyn LeaseStore>,
    /// The switch that is passed.
    pub switch: Arc<KillSwitch>,
}

#[async_trait]
impl LeaseStore for KillingLeases {
    async fn acquire(
        &self,
        work: &str,
        token: Uuid,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Lease>, PortError> {
        self.leases.acquire(work, token, now, until).await
    }

    async fn renew(
        &self,
        work: &str,
        token: Uuid,
        until: Timestamp,
        checkpoint: Option<&str>,
    ) -> Result<bool, PortError> {
        self.switch.pass().await;
        self.leases.renew(work, token, until, checkpoint).await
    }

    async fn release(&self, work: &str, token: Uuid) -> Result<bool, PortError> {
        self.leases.release(work, token).await
    }

    async fn finish(&self, work: &str, token: Uuid) -> Result<bool, PortError> {
        self.switch.pass().await;
        self.leases.finish(work, token).await
    }

    async fn checkpoint(&self, work: &str) -> Result<Option<String>, PortError> {
        self.leases.checkpoint(work).await
    }
}
