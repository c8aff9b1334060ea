//! What a failure says, and that a lost answer changes nothing.

use std::sync::Arc;

use annals_application::contract::samples::instant;
use annals_application::ports::{BackfillJob, BackfillMode, Clock, JobCounts, JobState, PortErrorKind, StateStore};
use annals_aws_state_store::DynamoStateStore;
use annals_domain::change::HydrationReason;
use annals_domain::identity::{EntityName, Provider};
use annals_services::{Fault, Match, Rule, sdk_config};
use uuid::Uuid;

use crate::bench::{Bench, task};

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_table_is_named() {
    let bench = Bench::new().await;
    let config = sdk_config(&bench.proxy.endpoint());
    let clock = Arc::clone(&bench.clock) as Arc<dyn Clock>;
    let store = DynamoStateStore::new(&config, "no-such-table".to_owned(), clock);
    let read = store.hydration_tasks(9).await.expect_err("there is no table");
    let written = store.ask_hydration(vec![task("a", 1, &[])]).await.expect_err("there is no table");
    let taken = store.take_lease("work", Uuid::nil(), instant(0), instant(1)).await.expect_err("there is no table");
    for error in [read, written, taken] {
        assert_eq!((error.kind, error.resource.as_str()), (PortErrorKind::Misconfigured, "no-such-table"));
        assert!(error.to_string().contains("ResourceNotFoundException"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_answer_the_outcome_is_unknown() {
    let bench = Bench::new().await;
    bench.proxy.rule(Rule::always(Match::Any, Fault::DropAfter));
    let error = bench.store().ask_hydration(vec![task("a", 1, &[])]).await.expect_err("no answer comes");
    assert_eq!((error.kind, &error.resource), (PortErrorKind::OutcomeUnknown, &bench.table));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_whose_answer_was_lost_is_made_once() {
    let bench = Bench::new().await;
    let lost = || Rule::first(1, Match::Target("PutItem"), Fault::DropAfter);
    let job = BackfillJob {
        id: Uuid::from_u128(1),
        provider: Provider::Salesforce,
        entity_name: EntityName::new("Account"),
        mode: BackfillMode::Full,
        page_size: 50,
        input: "{}".to_owned(),
        created_at: instant(1),
        state: JobState::Queued,
        reason: "a wildcard names no record".to_owned(),
        counts: JobCounts::default(),
        started_at: None,
        updated_at: None,
    };
    bench.proxy.rule(lost());
    assert!(bench.store().add_job(job.clone()).await.expect("the store writes"), "it was kept by the first try");
    assert_eq!(bench.proxy.count("PutItem"), 2);
    assert_eq!(bench.store().jobs().await.expect("the store reads"), std::slice::from_ref(&job));

    bench.proxy.clear();
    bench.proxy.rule(lost());
    let paused = BackfillJob { state: JobState::Paused, ..job.clone() };
    assert!(bench.store().update_job(&paused, &job).await.expect("the store writes"), "the first try brought it on");
    assert_eq!(bench.proxy.count("PutItem"), 2);
    assert_eq!(bench.store().jobs().await.expect("the store reads"), [paused]);

    bench.proxy.clear();
    bench.proxy.rule(lost());
    let asked = task("a", 1, &[HydrationReason::Gap]);
    bench.store().ask_hydration(vec![asked.clone()]).await.expect("the store writes");
    assert_eq!(bench.proxy.count("PutItem"), 2);
    assert_eq!(bench.store().hydration_tasks(9).await.expect("the store reads"), [asked]);
}
