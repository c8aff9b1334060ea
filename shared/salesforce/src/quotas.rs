//! The org's daily quotas: API calls, bulk jobs and bulk bytes are three of their own.

use std::sync::{Mutex, PoisonError};

use annals_application::ports::{Quota, QuotaUsage};
use serde::Deserialize;

use crate::api_usage::ApiUsage;
use crate::connection::{Call, Connection};
use crate::failure::Failure;

const MEGABYTE: u64 = 1 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DailyLimit {
    max: u64,
    remaining: u64,
}

/// A quota is missing if the org does not have it, or this user may not see it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Quotas {
    #[serde(rename = "DailyApiRequests")]
    calls: Option<DailyLimit>,
    #[serde(rename = "DailyBulkV2QueryJobs")]
    bulk_jobs: Option<DailyLimit>,
    #[serde(rename = "DailyBulkV2QueryFileStorageMB")]
    bulk_megabytes: Option<DailyLimit>,
}

pub(crate) async fn read(connection: &Connection) -> Result<Quotas, Failure> {
    Ok(connection.json::<Quotas>(&Call::get("/limits")).await?.0)
}

impl Quotas {
    /// The quotas of bulk reads.
    pub(crate) fn of_bulk(&self) -> Vec<QuotaUsage> {
        let jobs = self.bulk_jobs.map(|limit| limit.usage(Quota::BulkJobs, 1));
        let bytes = self.bulk_megabytes.map(|limit| limit.usage(Quota::BulkBytes, MEGABYTE));
        jobs.into_iter().chain(bytes).collect()
    }
}

impl DailyLimit {
    /// Salesforce counts the last 24 hours, so nothing is reset at one moment.
    fn usage(self, quota: Quota, unit: u64) -> QuotaUsage {
        let used = self.max.saturating_sub(self.remaining).saturating_mul(unit);
        QuotaUsage { quota, used, limit: self.max.saturating_mul(unit), resets_at: None }
    }
}

/// The quotas as they were read last.
#[derive(Debug, Default)]
pub(crate) struct LatestQuotas(Mutex<Option<Quotas>>);

impl LatestQuotas {
    pub(crate) fn note(&self, quotas: Quotas) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(quotas);
    }

    /// All quotas, with the calls as the newest response states them.
    pub(crate) fn usage(&self, newest: Option<ApiUsage>) -> Vec<QuotaUsage> {
        let quotas = (*self.0.lock().unwrap_or_else(PoisonError::into_inner)).unwrap_or_default();
        let newest = newest.map(|usage| QuotaUsage {
            quota: Quota::ApiCalls,
            used: usage.used,
            limit: usage.limit,
            resets_at: None,
        });
        let calls = newest.or_else(|| quotas.calls.map(|limit| limit.usage(Quota::ApiCalls, 1)));
        calls.into_iter().chain(quotas.of_bulk()).collect()
    }
}
