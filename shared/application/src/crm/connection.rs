//! The CRMs that this installation reads from, and how much of their quotas it may use.

use std::collections::BTreeMap;
use std::sync::Arc;

use annals_domain::identity::Provider;
use annals_domain::timestamp::Timestamp;

use crate::ports::{CrmClient, CrmError, Quota};

/// The client of a CRM, and the share of its quotas that may be used.
#[derive(Clone)]
pub struct CrmConnection {
    pub client: Arc<dyn CrmClient>,
    /// In percent of each quota, the calls of all other clients included: the rest is left for them.
    pub quota_share: u8,
}

/// Why no call may be made now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaRefusal {
    pub reason: String,
    /// When the quota is renewed, if the CRM says so.
    pub until: Option<Timestamp>,
}

/// What the quotas of a CRM allow now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaState {
    pub refusal: Option<QuotaRefusal>,
    /// The used part of the calls, in thousandths.
    pub usage_per_mille: u64,
}

impl CrmConnection {
    /// Whether calls may be made now. A quota that other clients use up stops this one too.
    pub async fn quota(&self) -> Result<QuotaState, CrmError> {
        let usages = self.client.usage().await?;
        // Bulk quotas are others: a client that finds them used up reads by calls.
        let calls = || usages.iter().filter(|usage| usage.quota == Quota::ApiCalls);
        let reached = calls().find(|usage| usage.reaches(self.quota_share));
        let refusal = reached.map(|usage| QuotaRefusal {
            reason: format!(
                "{} of {} {} are used, and this installation stops at {} percent",
                usage.used, usage.limit, usage.quota, self.quota_share
            ),
            until: usage.resets_at,
        });
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small positive number")]
        let usage_per_mille = calls().map(|usage| (usage.ratio() * 1_000.0) as u64).max().unwrap_or(0);
        Ok(QuotaState { refusal, usage_per_mille })
    }
}

/// All connected CRMs.
#[derive(Clone, Default)]
pub struct CrmConnections(BTreeMap<Provider, CrmConnection>);

impl CrmConnections {
    pub fn new(connections: impl IntoIterator<Item = CrmConnection>) -> Self {
        Self(connections.into_iter().map(|connection| (connection.client.provider(), connection)).collect())
    }

    pub fn get(&self, provider: Provider) -> Option<&CrmConnection> {
        self.0.get(&provider)
    }

    pub fn providers(&self) -> impl Iterator<Item = Provider> + '_ {
        self.0.keys().copied()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
