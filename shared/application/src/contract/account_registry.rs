//! What every [`AccountRegistry`] must do.

use annals_domain::identity::{Provider, ProviderAccount};

use crate::ports::AccountRegistry;

/// Makes a test of each rule for account registries.
#[macro_export]
macro_rules! account_registry_contract {
    ($make:path) => {
        $crate::contract_tests!($make, $crate::contract::account_registry, [an_account_is_added_once]);
    };
}

pub async fn an_account_is_added_once(registry: &impl AccountRegistry) {
    assert!(registry.accounts().await.expect("the store reads").is_empty());
    let account = |provider, id: &str| (provider, ProviderAccount::new(id));
    let expected = [
        account(Provider::Salesforce, "00DRM000000Fxts2AC"),
        account(Provider::Salesforce, "00DRM000000Fxtt2AC"),
        account(Provider::Hubspot, "00DRM000000Fxts2AC"),
    ];
    for (provider, account) in expected.iter().chain(&expected) {
        registry.add_account(*provider, account).await.expect("the store writes");
    }
    let found = registry.accounts().await.expect("the store reads");
    assert_eq!(found.len(), expected.len(), "{found:?}");
    assert!(expected.iter().all(|account| found.contains(account)), "{found:?}");
}
