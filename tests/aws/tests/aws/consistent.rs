//! Every read is consistent, also through the local index of the state table: a write is visible to the
//! next read of any process.

use std::collections::BTreeSet;

use annals_application::commands::CommandMetadata;
use annals_application::ports::ReadOptions;
use annals_domain::identity::{EntityKey, Provider};
use annals_domain::position::Version;
use annals_lambda::Installation;
use annals_tests::changes::change;
use annals_tests::process::key_of;
use uuid::Uuid;

use crate::counted::Counted;

/// Ingests the creation of a record.
async fn created(installation: &Installation) -> EntityKey {
    let input = change(0, 1).to_string();
    let ingested = installation.handler().ingest_body(Provider::Salesforce, &input, CommandMetadata::default()).await;
    key_of(&ingested.expect("the store answers").results[0])
}

/// Checks the operations since the last call. `seen` checks that the reads were consistent.
#[track_caller]
fn check(counted: &Counted, expected: &[&str]) {
    let (events, state) = counted.seen();
    let found: BTreeSet<String> = events.into_iter().chain(state).collect();
    assert_eq!(found, expected.iter().map(|name| (*name).to_owned()).collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_of_events_sees_all_that_is_stored() {
    let counted = Counted::new("events-read").await;
    let installation = counted.test_tables.installation_by(&counted.config());
    let key = created(&installation).await;
    counted.seen();
    installation.store.heads(std::slice::from_ref(&key)).await.expect("the store answers");
    installation.store.read(&key, &ReadOptions::from(Version::FIRST, 10)).await.expect("the store answers");
    installation.store.read(&key, &ReadOptions::back_from(None, 10)).await.expect("the store answers");
    check(&counted, &["Query"]);
    installation.events.scan_page(0, 1, None).await.expect("the store answers");
    check(&counted, &["Scan"]);
    counted.test_tables.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_of_state_sees_all_that_was_written() {
    let counted = Counted::new("state-read").await;
    let installation = counted.test_tables.installation_by(&counted.config());
    let (state, why) = (&installation.state, "the store answers");
    let key = created(&installation).await;
    counted.seen();
    state.snapshots.newest(&key, Version::new(9)).await.expect(why);
    state.objects.registered().await.expect(why);
    installation.lags.lag_notes().await.expect(why);
    check(&counted, &["Query"]);
    // Through the index.
    state.refetch.earliest(Provider::Salesforce, 10).await.expect(why);
    state.jobs.all().await.expect(why);
    state.parked.oldest(10).await.expect(why);
    state.quarantine.list(None, None, 10).await.expect(why);
    check(&counted, &["Query"]);
    state.leases.checkpoint("work").await.expect(why);
    state.quarantine.chunk(Uuid::nil(), 0).await.expect(why);
    state.quarantine.get("none").await.expect(why);
    check(&counted, &["GetItem"]);
    state.refetch.finish(&[(key, Version::FIRST)]).await.expect(why);
    check(&counted, &["BatchGetItem"]);
    counted.test_tables.remove().await;
}
