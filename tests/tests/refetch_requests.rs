//! The refetch tasks do not depend on how changes are divided into calls and batches.

use std::collections::BTreeSet;

use annals_application::ports::RefetchQueue;
use annals_domain::change::RefetchReason;
use annals_domain::identity::Provider;
use annals_sqlite::{Database, SqliteStateStore};
use annals_tests::crm::Delivery;
use annals_tests::process::TestProcess;

fn change(change_type: &str, second: i64) -> Delivery {
    let at = 1_770_000_000_000 + second * 1_000;
    let text = format!(
        r#"{{"ChangeEventHeader":{{"entityName":"Account","recordIds":["001000000000001AAA"],"changeType":"{change_type}",
            "transactionKey":"0001-{at}","sequenceNumber":1,"commitTimestamp":{at},"commitNumber":{at}}},"Name":"at {second}"}}"#
    );
    Delivery::Event(text.into())
}

async fn reasons(test: &TestProcess) -> BTreeSet<RefetchReason> {
    let state = SqliteStateStore::new(Database::open(&test.settings.db).expect("the file opens"));
    let tasks = state.earliest(Provider::Salesforce, 10).await.expect("the store responds");
    tasks.into_iter().flat_map(|task| task.reasons).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_newer_than_a_deletion_requests_a_refetch_in_one_batch_or_several() {
    let story = || [change("CREATE", 1), change("DELETE", 2), change("UPDATE", 3)];
    let together = TestProcess::new().await;
    together.deliver(story()).await;
    let apart = TestProcess::new().await;
    for delivery in story() {
        apart.deliver([delivery]).await;
    }
    let expected = BTreeSet::from([RefetchReason::AliveAfterDeletion]);
    assert_eq!(reasons(&together).await, expected);
    assert_eq!(reasons(&apart).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_creation_leaves_no_refetch_task() {
    let test = TestProcess::new().await;
    test.deliver([change("UPDATE", 3)]).await;
    assert_eq!(reasons(&test).await, BTreeSet::from([RefetchReason::MissingBase]));
    test.deliver([change("CREATE", 1)]).await;
    assert_eq!(reasons(&test).await, BTreeSet::new());
}
