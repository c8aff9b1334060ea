//! The connection to the Salesforce org that the environment names.

use std::collections::BTreeMap;
use std::sync::Arc;

use annals_application::system::{RandomIds, SystemClock};
use annals_salesforce::settings::{self, NoSecretSource, SalesforceSettings};
use annals_salesforce::{ClientTuning, SalesforceClient};

use crate::exit::Failure;

/// Where everything about it is written down.
pub(crate) const GUIDE: &str = "docs/salesforce.md describes the settings";

/// The settings of the environment; `None` if none is there.
pub(crate) async fn settings() -> Result<Option<SalesforceSettings>, Failure> {
    let as_text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        let name = name.into_string().ok().filter(|name| settings::ALL.contains(&name.as_str()))?;
        Some((name, value.into_string().ok()?))
    };
    let variables: BTreeMap<String, String> = std::env::vars_os().filter_map(as_text).collect();
    let read = SalesforceSettings::read(|name| variables.get(name).cloned(), &NoSecretSource).await;
    read.map_err(|error| Failure::usage(error.to_string()).hint(GUIDE))
}

/// A client with these settings. It makes no call yet.
pub(crate) fn client(settings: SalesforceSettings) -> Result<Arc<SalesforceClient>, Failure> {
    let client = SalesforceClient::new(settings, ClientTuning::default(), Arc::new(SystemClock), Arc::new(RandomIds));
    client.map(Arc::new).map_err(|error| Failure::because(&error))
}
