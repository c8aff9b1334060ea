//! Contract suites: what every adapter of a port must do, written once and run on all of them.
//!
//! Promises one public function a rule, and a macro a suite that makes a test of each, so that no
//! adapter can leave a rule out. An adapter's test module gives the macro an async function that
//! makes a fresh, empty adapter, with whatever has to outlive it (a folder, a server):
//!
//! ```text
//! async fn store() -> (MyEventStore, tempfile::TempDir) { … }
//! annals_application::event_store_contract!(store);
//! ```
//!
//! An adapter that shows writes late is made such that it shows them at once. One whose service this
//! machine cannot run is made as an option, `None` having been told. What only one adapter promises is
//! tested beside it.

pub mod event_feed;
pub mod event_publisher;
pub mod event_store;
pub mod job_store;
pub mod lag_notes;
pub mod lease_store;
pub mod object_registry;
pub mod parked_projections;
pub mod quarantine_store;
pub mod read_model;
pub mod refetch_queue;
pub mod samples;
pub mod snapshot_store;

/// Makes a test of each rule for an adapter of all state ports.
#[macro_export]
macro_rules! state_contract {
    ($make:path) => {
        $crate::snapshot_store_contract!($make);
        $crate::refetch_queue_contract!($make);
        $crate::object_registry_contract!($make);
        $crate::job_store_contract!($make);
        $crate::parked_projections_contract!($make);
        $crate::quarantine_store_contract!($make);
        $crate::lease_store_contract!($make);
    };
}

/// An adapter as a test module makes it, with what has to outlive it.
#[doc(hidden)]
pub trait Made {
    /// The adapter.
    type Adapter;
    /// What has to outlive it.
    type Kept;

    /// Both, where this machine can run what the adapter needs.
    fn made(self) -> Option<(Self::Adapter, Self::Kept)>;
}

impl<A, K> Made for (A, K) {
    type Adapter = A;
    type Kept = K;

    fn made(self) -> Option<(A, K)> {
        Some(self)
    }
}

impl<A, K> Made for Option<(A, K)> {
    type Adapter = A;
    type Kept = K;

    fn made(self) -> Option<(A, K)> {
        self
    }
}

/// Makes a test of each named rule of a suite, on an adapter of its own.
#[doc(hidden)]
#[macro_export]
macro_rules! contract_tests {
    ($make:path, $suite:path, [$($rule:ident),+ $(,)?]) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $rule() {
                use $crate::contract::Made as _;
                use $suite as suite;
                let Some((adapter, _kept)) = $make().await.made() else { return };
                suite::$rule(&adapter).await;
            }
        )+
    };
}
