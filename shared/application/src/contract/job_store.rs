//! What every [`JobStore`] must do.

use annals_domain::identity::{EntityName, ExternalId, Provider};
use futures::future::join_all;
use uuid::Uuid;

use super::samples::timestamp;
use crate::ports::{BackfillJob, BackfillMode, DeletionConsent, JobCounts, JobPace, JobState, JobStore};

/// Makes a test of each rule for job stores.
#[macro_export]
macro_rules! job_store_contract {
    ($make:path) => {
        $crate::contract_tests!(
            $make,
            $crate::contract::job_store,
            [
                a_job_is_added_once,
                a_job_comes_back_exactly,
                jobs_come_newest_first,
                waiting_jobs_are_counted,
                only_an_ended_job_is_removed,
                an_update_changes_the_progress_and_not_the_request,
                an_update_to_the_stored_progress_succeeds,
                an_update_from_an_outdated_job_changes_nothing,
                of_concurrent_updates_one_succeeds,
            ]
        );
    };
}

fn job(number: u128, created: i64, state: JobState) -> BackfillJob {
    BackfillJob {
        id: Uuid::from_u128(number),
        provider: Provider::Salesforce,
        entity_name: EntityName::new("Account"),
        mode: BackfillMode::Full,
        page_size: 50,
        input: format!("{{\"n\": {number}, \"commitNumber\": 1778192987716501506}}\r\n"),
        created_at: timestamp(created),
        state,
        reason: "a wildcard names no record".to_owned(),
        counts: JobCounts::default(),
        started_at: None,
        updated_at: None,
        pace: JobPace::default(),
    }
}

async fn add(store: &impl JobStore, job: &BackfillJob) -> bool {
    store.add(job.clone()).await.expect("the store writes")
}

async fn update(store: &impl JobStore, job: &BackfillJob, expected: &BackfillJob) -> bool {
    store.update(job, expected).await.expect("the store writes")
}

async fn jobs(store: &impl JobStore) -> Vec<BackfillJob> {
    store.all().await.expect("the store reads")
}

/// A second job with the same id is not added, and the first stays.
pub async fn a_job_is_added_once(store: &impl JobStore) {
    let first = job(1, 10, JobState::Waiting);
    assert!(add(store, &first).await);
    assert!(!add(store, &job(1, 20, JobState::Queued)).await);
    assert_eq!(jobs(store).await, [first]);
}

/// Every mode, ids by the thousand, every state, counts, times, and an empty input.
pub async fn a_job_comes_back_exactly(store: &impl JobStore) {
    let ids = (0..5_000).map(|number| ExternalId::new(format!("001Qz00000{number:05}IAA"))).collect();
    let modes = [BackfillMode::Full, BackfillMode::Since(timestamp(-7)), BackfillMode::Ids(ids)];
    let states =
        [JobState::Running, JobState::Paused, JobState::Done, JobState::Failed, JobState::Cancelled, JobState::Queued];
    let mut expected = Vec::new();
    for (number, state) in (1..).zip(states) {
        let plain = job(number, -i64::try_from(number).expect("a small number"), state);
        let counts = JobCounts { total: Some(u64::MAX >> 1), processed: 3, missing: 1, ..JobCounts::default() };
        let (started_at, updated_at) = (Some(timestamp(5)), Some(timestamp(6)));
        let mode = modes[usize::try_from(number).expect("a small number") % modes.len()].clone();
        let rich =
            BackfillJob { mode, page_size: 2_000, input: String::new(), counts, started_at, updated_at, ..plain };
        assert!(add(store, &rich).await, "{state}");
        expected.push(rich);
    }
    assert!(jobs(store).await == expected);
}

pub async fn jobs_come_newest_first(store: &impl JobStore) {
    let [a, b, c] = [(1, 20), (2, 30), (3, 10)].map(|(number, created)| job(number, created, JobState::Queued));
    for job in [&a, &b, &c] {
        assert!(add(store, job).await);
    }
    assert_eq!(jobs(store).await, [b, a, c]);
}

/// Queued and waiting jobs count; paused, running and ended ones do not.
pub async fn waiting_jobs_are_counted(store: &impl JobStore) {
    let waiting = || async { store.count_waiting().await.expect("the store reads") };
    assert_eq!(waiting().await, 0);
    let states = [
        (JobState::Queued, 1),
        (JobState::Running, 1),
        (JobState::Waiting, 2),
        (JobState::Paused, 2),
        (JobState::Done, 2),
        (JobState::Failed, 2),
        (JobState::Cancelled, 2),
        (JobState::Waiting, 3),
    ];
    for (number, (state, expected)) in (1..).zip(states) {
        assert!(add(store, &job(number, 10, state)).await);
        assert_eq!(waiting().await, expected, "with one that is {state}");
    }
    let read = job(1, 10, JobState::Queued);
    assert!(update(store, &BackfillJob { state: JobState::Running, ..read.clone() }, &read).await);
    assert_eq!(waiting().await, 2);
}

pub async fn only_an_ended_job_is_removed(store: &impl JobStore) {
    use JobState::{Cancelled, Done, Failed, Paused, Queued, Running, Waiting};
    for (number, state) in (1..).zip([Queued, Running, Waiting, Paused, Done, Failed, Cancelled]) {
        assert!(add(store, &job(number, 10, state)).await);
        store.remove_ended(Uuid::from_u128(number)).await.expect("the store writes");
    }
    store.remove_ended(Uuid::from_u128(99)).await.expect("the store writes");
    let left: Vec<JobState> = jobs(store).await.into_iter().map(|job| job.state).collect();
    assert_eq!(left, [Queued, Running, Waiting, Paused]);
}

pub async fn an_update_changes_the_progress_and_not_the_request(store: &impl JobStore) {
    let mut asked = job(1, 10, JobState::Queued);
    asked.mode = BackfillMode::Ids(vec![ExternalId::new("001"), ExternalId::new("002")]);
    let later = job(2, 20, JobState::Queued);
    for job in [&asked, &later] {
        assert!(add(store, job).await);
    }
    let counts = JobCounts { total: Some(2), processed: 1, updated: 1, ..JobCounts::default() };
    let running = BackfillJob {
        state: JobState::Running,
        reason: "reading".to_owned(),
        counts,
        started_at: Some(timestamp(30)),
        updated_at: Some(timestamp(31)),
        pace: JobPace {
            records_per_1000_seconds: Some(4_000),
            api_usage_per_mille: Some(12),
            not_before: Some(timestamp(60)),
            failures: 2,
            deletions: DeletionConsent::Asked,
        },
        ..asked.clone()
    };
    let otherwise = BackfillJob { mode: BackfillMode::Full, page_size: 7, ..running.clone() };
    let otherwise = BackfillJob { input: "another".to_owned(), created_at: timestamp(99), ..otherwise };
    assert!(update(store, &otherwise, &asked).await);
    assert_eq!(jobs(store).await, [later.clone(), running.clone()]);
    let ended = BackfillJob { state: JobState::Done, updated_at: Some(timestamp(40)), ..running.clone() };
    assert!(update(store, &ended, &running).await);
    assert_eq!(jobs(store).await, [later, ended]);
}

/// Whether the same call is repeated or another caller wrote that progress.
pub async fn an_update_to_the_stored_progress_succeeds(store: &impl JobStore) {
    let read = job(1, 10, JobState::Queued);
    assert!(add(store, &read).await);
    let paused = BackfillJob { state: JobState::Paused, updated_at: Some(timestamp(20)), ..read.clone() };
    for expected in [&read, &read, &paused, &BackfillJob { state: JobState::Running, ..read.clone() }] {
        assert!(update(store, &paused, expected).await, "{expected:?}");
        assert_eq!(jobs(store).await, std::slice::from_ref(&paused));
    }
    assert!(!update(store, &BackfillJob { state: JobState::Done, ..paused.clone() }, &read).await);
}

/// Also if the states are the same and other progress differs; and a job that does not exist is not
/// updated.
pub async fn an_update_from_an_outdated_job_changes_nothing(store: &impl JobStore) {
    let read = job(1, 10, JobState::Running);
    assert!(add(store, &read).await);
    let counted = BackfillJob { counts: JobCounts { processed: 50, ..read.counts }, ..read.clone() };
    assert!(update(store, &counted, &read).await);
    let paused = BackfillJob { state: JobState::Paused, ..read.clone() };
    assert!(!update(store, &paused, &read).await, "its counts have moved on");
    assert_eq!(jobs(store).await, std::slice::from_ref(&counted));
    for changed in [
        BackfillJob { state: JobState::Queued, ..counted.clone() },
        BackfillJob { reason: "another".to_owned(), ..counted.clone() },
        BackfillJob { started_at: Some(timestamp(1)), ..counted.clone() },
        BackfillJob { updated_at: Some(timestamp(1)), ..counted.clone() },
        BackfillJob { pace: JobPace { failures: 1, ..counted.pace }, ..counted.clone() },
    ] {
        assert!(!update(store, &paused, &changed).await, "{changed:?}");
    }
    let nobody = job(9, 10, JobState::Running);
    assert!(!update(store, &BackfillJob { state: JobState::Done, ..nobody.clone() }, &nobody).await);
    assert_eq!(jobs(store).await, [counted]);
}

pub async fn of_concurrent_updates_one_succeeds(store: &impl JobStore) {
    let read = job(1, 10, JobState::Queued);
    assert!(add(store, &read).await);
    let wanted: Vec<_> = (0..8).map(|number| BackfillJob { reason: format!("by {number}"), ..read.clone() }).collect();
    let updated = join_all(wanted.iter().map(|job| update(store, job, &read))).await;
    let winners: Vec<_> = wanted.into_iter().zip(updated).filter(|(_, updated)| *updated).map(|(job, _)| job).collect();
    assert_eq!(winners.len(), 1);
    assert_eq!(jobs(store).await, winners);
}
