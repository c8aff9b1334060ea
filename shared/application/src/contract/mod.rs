//! Contract suites: the rules that every adapter of a port follows, written once and run on all of them.
//!
//! Each rule is one public function. The macro of a suite defines a test for each rule, so that no
//! adapter can skip one. The test module of an adapter passes an async function to the macro, which
//! makes a new, empty adapter and a guard that must live as long (a folder, a server):
//!
//! ```text
//! async fn store() -> (MyEventStore, tempfile::TempDir) { … }
//! annals_application::event_store_contract!(store);
//! ```
//!
//! If writes to an adapter become visible with a delay, the function turns that off. If this machine
//! cannot run the adapter's service, the function says so and returns `None`. Rules of one adapter alone
//! are tested beside it.

pub mod account_registry;
pub mod crm_client;
pub mod event_feed;
pub mod event_publisher;
mod event_search;
pub mod event_store;
pub mod job_store;
pub mod lag_notes;
pub mod lease_store;
pub mod live_entities;
pub mod object_notes;
pub mod object_registry;
pub mod parked_projections;
pub mod quarantine_store;
pub mod read_model;
pub mod refetch_queue;
pub mod samples;
pub mod simulated_org;
pub mod snapshot_store;
pub mod stream_sections;

/// Makes a test of each rule for an adapter of all state ports.
#[macro_export]
macro_rules! state_contract {
    ($make:path) => {
        $crate::snapshot_store_contract!($make);
        $crate::refetch_queue_contract!($make);
        $crate::object_notes_contract!($make);
        $crate::object_registry_contract!($make);
        $crate::account_registry_contract!($make);
        $crate::job_store_contract!($make);
        $crate::parked_projections_contract!($make);
        $crate::quarantine_store_contract!($make);
        $crate::lease_store_contract!($make);
    };
}

/// A new adapter and its guard, as the function of a test module returns them.
#[doc(hidden)]
pub trait AdapterSetup {
    type Adapter;
    /// Lives as long as the adapter.
    type Guard;

    /// `None` if this machine cannot run the adapter's service.
    fn parts(self) -> Option<(Self::Adapter, Self::Guard)>;
}

impl<A, G> AdapterSetup for (A, G) {
    type Adapter = A;
    type Guard = G;

    fn parts(self) -> Option<(A, G)> {
        Some(self)
    }
}

impl<A, G> AdapterSetup for Option<(A, G)> {
    type Adapter = A;
    type Guard = G;

    fn parts(self) -> Option<(A, G)> {
        self
    }
}

/// Defines a test for each of these rules of a suite. Every test has its own adapter.
#[doc(hidden)]
#[macro_export]
macro_rules! contract_tests {
    ($setup:path, $suite:path, [$($rule:ident),+ $(,)?]) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $rule() {
                use $crate::contract::AdapterSetup as _;
                use $suite as suite;
                let Some((adapter, _guard)) = $setup().await.parts() else { return };
                suite::$rule(&adapter).await;
            }
        )+
    };
}
