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
//! An adapter that shows writes late is made such that it shows them at once. What only one adapter
//! promises is tested beside it.

pub mod event_feed;
pub mod event_publisher;
pub mod event_store;
pub mod lag_notes;
pub mod read_model;
pub mod samples;
pub mod state_store;

/// Makes a test of each named rule of a suite, on an adapter of its own.
#[doc(hidden)]
#[macro_export]
macro_rules! contract_tests {
    ($make:path, $suite:path, [$($rule:ident),+ $(,)?]) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $rule() {
                use $suite as suite;
                let (adapter, _kept) = $make().await;
                suite::$rule(&adapter).await;
            }
        )+
    };
}
