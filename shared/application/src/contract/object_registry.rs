//! What every [`ObjectRegistry`] must do.

use annals_domain::identity::{EntityName, Provider};

use crate::ports::ObjectRegistry;

/// Makes a test of each rule for object registries.
#[macro_export]
macro_rules! object_registry_contract {
    ($make:path) => {
        $crate::contract_tests!($make, $crate::contract::object_registry, [an_object_is_registered_once]);
    };
}

pub async fn an_object_is_registered_once(registry: &impl ObjectRegistry) {
    assert!(registry.registered().await.expect("the store reads").is_empty());
    let object = |provider, name: &str| (provider, EntityName::new(name));
    let (deal, account) = (object(Provider::Hubspot, "deal"), object(Provider::Salesforce, "Account"));
    registry.register(&[account.clone(), deal.clone()]).await.expect("the store writes");
    registry.register(std::slice::from_ref(&account)).await.expect("the store writes");
    let mut registered = registry.registered().await.expect("the store reads");
    registered.sort();
    assert_eq!(registered, [account, deal]);
}
