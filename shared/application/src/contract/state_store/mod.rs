//! What every state store must do.

mod jobs;
mod leases;
mod quarantine;

use annals_domain::aggregate::Aggregate;
use annals_domain::change::{Content, Creation, Lifecycle, RefetchReason, Write};
use annals_domain::identity::{EntityKey, EntityName, ExternalId, Provider};
use annals_domain::path::Path;
use annals_domain::position::Version;
use annals_domain::text_diff::TextDiff;
use serde_json::{Value, json};

pub use self::jobs::{
    a_job_comes_back_exactly, a_job_is_brought_on_and_what_was_asked_for_stays, a_job_is_kept_once,
    a_job_that_another_brought_on_is_left, a_job_that_stands_as_asked_need_not_be_brought_on, jobs_come_newest_first,
    jobs_that_wait_are_counted, of_many_who_bring_a_job_on_one_does,
};
pub use self::leases::{
    a_finished_lease_is_gone, a_lease_has_one_holder, a_lease_that_ran_out_goes_on_with_its_checkpoint,
    a_lost_lease_is_refused, a_released_lease_is_free_at_once, of_many_takers_one_wins,
};
pub use self::quarantine::{
    a_chunk_comes_back_to_the_byte, an_entry_is_kept_once_and_opened_again, an_entry_takes_states_and_errors,
    dropped_chunks_are_gone_and_others_stay, entries_are_listed_newest_first_by_state_and_page,
};
use super::samples::{change, key, position, timestamp};
use crate::ports::{ParkedProjection, RefetchTask, StateStore};

/// Makes a test of each rule for state stores.
#[macro_export]
macro_rules! state_store_contract {
    ($make:path) => {
        $crate::contract_tests!(
            $make,
            $crate::contract::state_store,
            [
                the_newest_snapshot_at_or_below_a_version_is_found,
                a_snapshot_comes_back_exactly,
                a_snapshot_may_be_put_again,
                refetch_is_asked_once_a_record,
                attempts_outlast_what_is_asked_again,
                refetch_tasks_come_by_due_time,
                what_waits_is_counted_as_far_as_is_asked,
                finished_refetch_is_forgotten,
                a_dropped_reason_leaves_the_others,
                noted_objects_are_remembered_once,
                a_job_is_kept_once,
                a_job_comes_back_exactly,
                jobs_come_newest_first,
                jobs_that_wait_are_counted,
                a_job_is_brought_on_and_what_was_asked_for_stays,
                a_job_that_stands_as_asked_need_not_be_brought_on,
                a_job_that_another_brought_on_is_left,
                of_many_who_bring_a_job_on_one_does,
                parked_versions_are_joined,
                a_record_parked_again_goes_behind_the_others,
                what_is_made_good_of_a_parked_record_is_forgotten,
                a_chunk_comes_back_to_the_byte,
                dropped_chunks_are_gone_and_others_stay,
                an_entry_is_kept_once_and_opened_again,
                an_entry_takes_states_and_errors,
                entries_are_listed_newest_first_by_state_and_page,
                a_lease_has_one_holder,
                of_many_takers_one_wins,
                a_lease_that_ran_out_goes_on_with_its_checkpoint,
                a_lost_lease_is_refused,
                a_released_lease_is_free_at_once,
                a_finished_lease_is_gone,
            ]
        );
    };
}

fn snapshot(key: &EntityKey, version: u64) -> Aggregate {
    let mut aggregate = Aggregate::new(key.clone(), Provider::Salesforce, ExternalId::new("001"));
    let seconds = i64::try_from(version).expect("a small version");
    aggregate.apply(Version::new(version), &change(position(seconds, &format!("event {version}"))));
    aggregate
}

async fn snapshot_version(store: &impl StateStore, key: &EntityKey, at_most: u64) -> Option<u64> {
    let found = store.snapshot(key, Version::new(at_most)).await.expect("the store reads");
    found.map(|aggregate| aggregate.version().get())
}

/// The newest that is not above the version asked for, of that record alone.
pub async fn the_newest_snapshot_at_or_below_a_version_is_found(store: &impl StateStore) {
    let (a, b) = (key("a"), key("b"));
    let snapshots = [50, 150, 100].map(|version| snapshot(&a, version));
    store.put_snapshots(snapshots.to_vec()).await.expect("the store writes");
    store.put_snapshots(vec![snapshot(&b, 120)]).await.expect("the store writes");
    let table = [(49, None), (50, Some(50)), (99, Some(50)), (149, Some(100)), (u64::MAX >> 1, Some(150))];
    for (at_most, expected) in table {
        assert_eq!(snapshot_version(store, &a, at_most).await, expected, "at most {at_most}");
    }
    assert_eq!(snapshot_version(store, &key("c"), 999).await, None);
}

/// Values, differences, unknown leaves, exact numbers, lifecycle: the whole state.
pub async fn a_snapshot_comes_back_exactly(store: &impl StateStore) {
    let key = key("a");
    let mut aggregate = snapshot(&key, 1);
    let exact: Value = serde_json::from_str("[1778192987716501506, 1.10, 1e400, null]").expect("plain JSON");
    let diff = format!("--- \n+++ {}\n@@ -1,1 +1,1 @@\n-old\n+new", "0a".repeat(32));
    let diff = TextDiff::recognise(&diff).expect("it has a diff's header");
    let contents = [
        ("Name", Content::Whole(json!("Crème\r\n\u{0}\"🦀\""))),
        ("Numbers__c", Content::Whole(exact)),
        ("BillingAddress.Country", Content::Unknown),
        ("Description", Content::Diff(diff)),
    ];
    let mut rich = change(position(2, "rich"));
    rich.lifecycle = Some(Lifecycle::Deleted);
    rich.creation = Some(Creation::Stated(timestamp(-5)));
    rich.writes = contents.map(|(path, content)| Write { path: Path::new(path), content }).into();
    aggregate.apply(Version::new(2), &rich);
    store.put_snapshots(vec![aggregate.clone()]).await.expect("the store writes");
    let found = store.snapshot(&key, Version::new(2)).await.expect("the store reads");
    assert_eq!(found, Some(aggregate));
}

/// The same snapshot again changes nothing; none at all is fine.
pub async fn a_snapshot_may_be_put_again(store: &impl StateStore) {
    let key = key("a");
    for _ in 0..2 {
        store.put_snapshots(vec![snapshot(&key, 50)]).await.expect("the store writes");
    }
    store.put_snapshots(Vec::new()).await.expect("the store writes");
    assert_eq!(snapshot_version(store, &key, 50).await, Some(50));
}

fn task(name: &str, due: i64, reasons: &[RefetchReason]) -> RefetchTask {
    RefetchTask {
        key: key(name),
        provider: Provider::Salesforce,
        external_id: ExternalId::new(name),
        reasons: reasons.iter().copied().collect(),
        due_at: timestamp(due),
        attempts: 0,
    }
}

async fn tasks(store: &impl StateStore, limit: usize) -> Vec<RefetchTask> {
    store.refetch_tasks(limit).await.expect("the store reads")
}

/// A second request joins the first: all reasons, the earlier time.
pub async fn refetch_is_asked_once_a_record(store: &impl StateStore) {
    use RefetchReason::{Gap, MissingBase, NotCarried};
    let call = vec![task("a", 50, &[Gap]), task("b", 70, &[Gap]), task("a", 60, &[NotCarried])];
    store.ask_refetch(call).await.expect("the store writes");
    store.ask_refetch(vec![task("b", 30, &[MissingBase])]).await.expect("the store writes");
    let expected = [task("b", 30, &[MissingBase, Gap]), task("a", 50, &[NotCarried, Gap])];
    assert_eq!(tasks(store, 9).await, expected);
}

/// A task comes back with its attempts, and a request that knows of fewer takes none of them.
pub async fn attempts_outlast_what_is_asked_again(store: &impl StateStore) {
    let tried = |attempts| RefetchTask { attempts, ..task("a", 50, &[RefetchReason::Gap]) };
    for (asked, expected) in [(3, 3), (0, 3), (u32::MAX, u32::MAX), (4, u32::MAX)] {
        store.ask_refetch(vec![tried(asked)]).await.expect("the store writes");
        assert_eq!(tasks(store, 9).await, [tried(expected)], "after one of {asked}");
    }
    store
        .ask_refetch(vec![RefetchTask { key: key("b"), ..tried(1) }, RefetchTask { key: key("b"), ..tried(7) }])
        .await
        .expect("the store writes");
    let found: Vec<_> = tasks(store, 9).await.into_iter().map(|task| (task.key, task.attempts)).collect();
    assert!(found.contains(&(key("b"), 7)), "{found:?}");
    store.drop_refetch_reason(&[key("a")], RefetchReason::MissingBase).await.expect("the store writes");
    assert!(tasks(store, 9).await.contains(&tried(u32::MAX)));
}

/// What is due first comes first, up to the limit.
pub async fn refetch_tasks_come_by_due_time(store: &impl StateStore) {
    let due = [40, 10, 30, 20, 50];
    let all = due.map(|due| task(&format!("due {due}"), due, &[RefetchReason::Gap]));
    store.ask_refetch(all.to_vec()).await.expect("the store writes");
    let found: Vec<_> = tasks(store, 3).await.into_iter().map(|task| task.due_at).collect();
    assert_eq!(found, [10, 20, 30].map(timestamp));
    assert!(tasks(store, 0).await.is_empty());
}

/// Tasks and parked records are counted, one a record, and no further than is asked.
pub async fn what_waits_is_counted_as_far_as_is_asked(store: &impl StateStore) {
    let names = ["a", "b", "c", "d", "e"];
    let all = names.map(|name| task(name, 1, &[RefetchReason::Gap]));
    store.ask_refetch(all.to_vec()).await.expect("the store writes");
    for (name, at) in names.into_iter().zip(1..) {
        store.park(park(name, (1, 2), at)).await.expect("the store writes");
        store.park(park(name, (3, 4), at)).await.expect("the store writes");
    }
    for (at_most, expected) in [(0, 0), (1, 1), (4, 4), (5, 5), (9, 5)] {
        assert_eq!(store.count_refetch(at_most).await.expect("the store reads"), expected, "at most {at_most}");
        assert_eq!(store.count_parked(at_most).await.expect("the store reads"), expected, "at most {at_most}");
    }
    store.finish_refetch(&[key("a")]).await.expect("the store writes");
    store.unpark(&key("a"), Version::new(9)).await.expect("the store writes");
    assert_eq!(store.count_refetch(9).await.expect("the store reads"), 4);
    assert_eq!(store.count_parked(9).await.expect("the store reads"), 4);
}

/// Finished tasks are gone; finishing what is not there is no error; later requests start afresh.
pub async fn finished_refetch_is_forgotten(store: &impl StateStore) {
    let all = vec![task("a", 1, &[RefetchReason::Gap]), task("b", 2, &[RefetchReason::Gap])];
    store.ask_refetch(all).await.expect("the store writes");
    store.finish_refetch(&[key("a"), key("nobody")]).await.expect("the store writes");
    store.finish_refetch(&[]).await.expect("the store writes");
    assert_eq!(tasks(store, 9).await, [task("b", 2, &[RefetchReason::Gap])]);
    let again = task("a", 90, &[RefetchReason::MergeSurvivor]);
    store.ask_refetch(vec![again.clone()]).await.expect("the store writes");
    assert_eq!(tasks(store, 9).await, [task("b", 2, &[RefetchReason::Gap]), again]);
}

/// One reason goes; a task that has others stays with them, one that has none is gone.
pub async fn a_dropped_reason_leaves_the_others(store: &impl StateStore) {
    use RefetchReason::{Gap, MissingBase};
    let all = vec![task("a", 1, &[MissingBase]), task("b", 2, &[MissingBase, Gap]), task("c", 3, &[MissingBase])];
    store.ask_refetch(all).await.expect("the store writes");
    let keys = [key("a"), key("b"), key("nobody")];
    store.drop_refetch_reason(&keys, MissingBase).await.expect("the store writes");
    assert_eq!(tasks(store, 9).await, [task("b", 2, &[Gap]), task("c", 3, &[MissingBase])]);
}

/// Objects are noted once, whoever notes them, and come by provider and name.
pub async fn noted_objects_are_remembered_once(store: &impl StateStore) {
    assert!(store.noted_objects().await.expect("the store reads").is_empty());
    let object = |provider, name: &str| (provider, EntityName::new(name));
    let (deal, account) = (object(Provider::Hubspot, "deal"), object(Provider::Salesforce, "Account"));
    store.note_objects(&[account.clone(), deal.clone()]).await.expect("the store writes");
    store.note_objects(std::slice::from_ref(&account)).await.expect("the store writes");
    let mut noted = store.noted_objects().await.expect("the store reads");
    noted.sort();
    assert_eq!(noted, [account, deal]);
}

fn park(name: &str, versions: (u64, u64), at: i64) -> ParkedProjection {
    ParkedProjection {
        key: key(name),
        from_version: Version::new(versions.0),
        to_version: Version::new(versions.1),
        reason: format!("parked at {at}"),
        parked_at: timestamp(at),
    }
}

/// What is parked of a record is one run of versions, parked since the first time.
pub async fn parked_versions_are_joined(store: &impl StateStore) {
    for parked in [park("a", (5, 7), 10), park("a", (9, 9), 20), park("a", (3, 4), 30)] {
        store.park(parked).await.expect("the store writes");
    }
    let found = store.parked(9).await.expect("the store reads");
    let [one] = &found[..] else { panic!("{found:?} is not one record") };
    assert_eq!((one.from_version.get(), one.to_version.get(), one.parked_at), (3, 9, timestamp(10)));
    assert_eq!(one.reason, "parked at 30", "the newest reason stands");
}

/// What was parked longest ago comes first, up to the limit. Parking a record again moves it, whatever
/// else that changes of it.
pub async fn a_record_parked_again_goes_behind_the_others(store: &impl StateStore) {
    for (name, at) in [("c", 10), ("a", 20), ("b", 30)] {
        store.park(park(name, (1, 2), at)).await.expect("the store writes");
    }
    let names = async |limit| -> Vec<EntityKey> {
        let found = store.parked(limit).await.expect("the store reads");
        found.into_iter().map(|parked| parked.key).collect()
    };
    assert_eq!(names(2).await, ["c", "a"].map(key));
    store
        .park(ParkedProjection { reason: "parked at 10".to_owned(), ..park("c", (1, 2), 40) })
        .await
        .expect("it writes");
    assert_eq!(names(9).await, ["a", "b", "c"].map(key));
    store.park(park("a", (3, 4), 50)).await.expect("the store writes");
    assert_eq!(names(9).await, ["b", "c", "a"].map(key));
    let since: Vec<_> = store.parked(9).await.expect("the store reads").iter().map(|parked| parked.parked_at).collect();
    assert_eq!(since, [30, 10, 20].map(timestamp), "since when it is parked does not change");
}

/// The versions made good are gone, and the record with its last; it does not move, and forgetting
/// what is not parked is no error.
pub async fn what_is_made_good_of_a_parked_record_is_forgotten(store: &impl StateStore) {
    let [a, b] = [("a", 10), ("b", 20)].map(|(name, at)| park(name, (3, 9), at));
    for parked in [&a, &b] {
        store.park(parked.clone()).await.expect("the store writes");
    }
    let unpark = async |name, up_to| store.unpark(&key(name), Version::new(up_to)).await.expect("the store writes");
    for (up_to, from) in [(2, 3), (5, 6), (4, 6), (8, 9)] {
        unpark("a", up_to).await;
        let left = ParkedProjection { from_version: Version::new(from), ..a.clone() };
        assert_eq!(store.parked(9).await.expect("the store reads"), [left, b.clone()], "up to {up_to}");
    }
    for name in ["a", "nobody"] {
        unpark(name, 9).await;
    }
    assert_eq!(store.parked(9).await.expect("the store reads"), [b]);
}
