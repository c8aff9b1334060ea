//! Which CRMs are connected in this process: somebody runs the backfill jobs of these.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use annals_domain::identity::Provider;

/// Known once a connection is set up, at the start of the process; until then no CRM is.
#[derive(Debug, Default)]
pub struct ConnectedCrms(OnceLock<BTreeSet<Provider>>);

impl ConnectedCrms {
    /// The first call counts.
    pub(crate) fn connect(&self, providers: impl IntoIterator<Item = Provider>) {
        self.0.get_or_init(|| providers.into_iter().collect());
    }

    pub(crate) fn has(&self, provider: Provider) -> bool {
        self.0.get().is_some_and(|connected| connected.contains(&provider))
    }
}
