//! A database on a medium that cannot be written: everything that only reads works.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use annals_application::queries::{Health, HistoryRequest, ListRequest};
use annals_sqlite::process::LocalProcess;
use annals_tests::crm::Account;
use annals_tests::process::{TestProcess, ingest_deliveries};
use annals_tests::random::Random;

#[tokio::test(flavor = "multi_thread")]
async fn entities_lists_and_histories_are_read_and_nothing_is_written() {
    let TestProcess { process, settings, .. } = &TestProcess::new().await;
    let mut random = Random::new(5);
    let mut account = Account::new("001000000000001AAA");
    let deliveries = [account.create(&mut random), account.update(&mut random)];
    ingest_deliveries(&process.handler, deliveries).await;

    let reading = LocalProcess::open_read_only(settings).await.unwrap();
    assert!(reading.is_read_only && !process.is_read_only);
    let queries = &reading.queries;
    let document = queries.get("clients", "001000000000001AAA").await.unwrap();
    assert_eq!(document.version.get(), 2);
    assert_eq!(queries.list("clients", &ListRequest::default()).await.unwrap().count, Some(1));
    let history = queries.history("clients", "001000000000001AAA", &HistoryRequest::default()).await.unwrap();
    assert_eq!(history.results.len(), 2);
    assert_eq!(reading.health.check().await.status, Health::Ok);
    assert!(reading.accounts.accounts().await.is_ok());
}
