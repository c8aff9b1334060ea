//! Records of objects without a definition that await their base: they are not visible, and their
//! history is available under the lowercase name of the object.

use annals_application::commands::Outcome;
use annals_application::queries::{HistoryRequest, QueryError};
use annals_tests::crm::Delivery;
use annals_tests::process::TestProcess;

fn change(change_type: &str, at: i64) -> Delivery {
    let text = format!(
        r#"{{"ChangeEventHeader":{{"entityName":"Sheet__c","recordIds":["a01000000000001AAA"],"changeType":"{change_type}",
            "transactionKey":"0001-{at}","sequenceNumber":1,"commitTimestamp":{at},"commitNumber":{at}}},"Title__c":"at {at}"}}"#
    );
    Delivery::Event(text.into())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_without_a_definition_has_a_history_and_becomes_visible_with_its_creation() {
    let test = TestProcess::new().await;
    let queries = &test.process.queries;
    let id = "a01000000000001AAA";
    assert!(matches!(queries.get("sheet__c", id).await, Err(QueryError::UnknownType(_))));

    let reads = test.deliver([change("UPDATE", 1_770_000_005_000)]).await;
    assert_eq!(reads[0][0].outcome, Outcome::AwaitingBase);
    assert!(matches!(queries.get("sheet__c", id).await, Err(QueryError::AwaitingBase { .. })));
    let history = queries.history("sheet__c", id, &HistoryRequest::default()).await.expect("the store responds");
    assert_eq!((history.results.len(), history.count), (1, Some(1)));

    let reads = test.deliver([change("CREATE", 1_770_000_001_000)]).await;
    assert_eq!(reads[0][0].outcome, Outcome::Stored);
    let document = queries.get("Sheet__c", id).await.expect("the record is visible");
    assert!(document.json.get().contains(r#""Title__c":"at 1770000005000""#), "{}", document.json);
    let history = queries.history("sheet__c", id, &HistoryRequest::default()).await.expect("the store responds");
    let late: Vec<bool> = history.results.iter().map(|event| event.late).collect();
    assert_eq!(late, [false, true]);
}
