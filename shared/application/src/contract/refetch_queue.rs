//! What every [`RefetchQueue`] must do.

use annals_domain::change::RefetchReason;
use annals_domain::identity::{ExternalId, Provider};
use annals_domain::position::{EventId, Version};

use super::samples::{key, timestamp};
use crate::ports::{RefetchQueue, RefetchTask};

/// Makes a test of each rule for refetch queues.
#[macro_export]
macro_rules! refetch_queue_contract {
    ($make:path) => {
        $crate::contract_tests!(
            $make,
            $crate::contract::refetch_queue,
            [
                a_record_has_one_task_with_all_reasons_and_the_earlier_due_time,
                the_higher_number_of_attempts_stays,
                tasks_come_in_order_of_due_time,
                the_tasks_of_other_providers_hide_none,
                tasks_are_counted_up_to_a_limit,
                finished_tasks_are_gone,
                a_task_that_a_newer_event_asked_for_is_not_finished,
                a_postponed_task_is_due_later_unless_a_newer_event_asks,
                a_task_of_an_earlier_release_is_finished_at_any_version,
                a_removed_reason_leaves_the_others,
            ]
        );
    };
}

/// A task for a record, due at that many seconds; not tried yet.
pub fn task(name: &str, due: i64, reasons: &[RefetchReason]) -> RefetchTask {
    RefetchTask {
        key: key(name),
        provider: Provider::Salesforce,
        external_id: ExternalId::new(name),
        reasons: reasons.iter().copied().collect(),
        due_at: timestamp(due),
        attempts: 0,
        version: Version::new(3),
        asked_by: Some(EventId::of(&[name])),
    }
}

async fn tasks(queue: &impl RefetchQueue, limit: usize) -> Vec<RefetchTask> {
    queue.earliest(Provider::Salesforce, limit).await.expect("the store reads")
}

pub async fn a_record_has_one_task_with_all_reasons_and_the_earlier_due_time(queue: &impl RefetchQueue) {
    use RefetchReason::{Gap, MissingBase, NotCarried};
    let call = vec![task("a", 50, &[Gap]), task("b", 70, &[Gap]), task("a", 60, &[NotCarried])];
    queue.enqueue(call).await.expect("the store writes");
    queue.enqueue(vec![task("b", 30, &[MissingBase])]).await.expect("the store writes");
    let expected = [task("b", 30, &[MissingBase, Gap]), task("a", 50, &[NotCarried, Gap])];
    assert_eq!(tasks(queue, 9).await, expected);
}

pub async fn the_tasks_of_other_providers_hide_none(queue: &impl RefetchQueue) {
    let others = (0..7).map(|number| RefetchTask {
        provider: Provider::Hubspot,
        ..task(&format!("other {number}"), number, &[RefetchReason::Gap])
    });
    let own = [task("a", 50, &[RefetchReason::Gap]), task("b", 60, &[RefetchReason::Gap])];
    queue.enqueue(others.chain(own.clone()).collect()).await.expect("the store writes");
    assert_eq!(tasks(queue, 2).await, own);
    assert_eq!(tasks(queue, 1).await, own[..1]);
    assert_eq!(queue.earliest(Provider::Hubspot, 3).await.expect("the store reads").len(), 3);
    assert_eq!(queue.earliest(Provider::Pipedrive, 3).await.expect("the store reads"), []);
}

/// A task comes back with its attempts; enqueueing it with fewer attempts does not lower them.
pub async fn the_higher_number_of_attempts_stays(queue: &impl RefetchQueue) {
    let tried = |attempts| RefetchTask { attempts, ..task("a", 50, &[RefetchReason::Gap]) };
    for (asked, expected) in [(3, 3), (0, 3), (u32::MAX, u32::MAX), (4, u32::MAX)] {
        queue.enqueue(vec![tried(asked)]).await.expect("the store writes");
        assert_eq!(tasks(queue, 9).await, [tried(expected)], "after one of {asked}");
    }
    queue
        .enqueue(vec![RefetchTask { key: key("b"), ..tried(1) }, RefetchTask { key: key("b"), ..tried(7) }])
        .await
        .expect("the store writes");
    let found: Vec<_> = tasks(queue, 9).await.into_iter().map(|task| (task.key, task.attempts)).collect();
    assert!(found.contains(&(key("b"), 7)), "{found:?}");
    queue.remove_reason(&[key("a")], RefetchReason::MissingBase).await.expect("the store writes");
    assert!(tasks(queue, 9).await.contains(&tried(u32::MAX)));
}

pub async fn tasks_come_in_order_of_due_time(queue: &impl RefetchQueue) {
    let due = [40, 10, 30, 20, 50];
    let all = due.map(|due| task(&format!("due {due}"), due, &[RefetchReason::Gap]));
    queue.enqueue(all.to_vec()).await.expect("the store writes");
    let found: Vec<_> = tasks(queue, 3).await.into_iter().map(|task| task.due_at).collect();
    assert_eq!(found, [10, 20, 30].map(timestamp));
    assert!(tasks(queue, 0).await.is_empty());
}

/// Tasks are counted, one a record, up to the limit.
pub async fn tasks_are_counted_up_to_a_limit(queue: &impl RefetchQueue) {
    let all = ["a", "b", "c", "d", "e"].map(|name| task(name, 1, &[RefetchReason::Gap]));
    queue.enqueue(all.to_vec()).await.expect("the store writes");
    for (at_most, expected) in [(0, 0), (1, 1), (4, 4), (5, 5), (9, 5)] {
        assert_eq!(queue.count(at_most).await.expect("the store reads"), expected, "at most {at_most}");
    }
    queue.finish(&[(key("a"), Version::new(3))]).await.expect("the store writes");
    assert_eq!(queue.count(9).await.expect("the store reads"), 4);
}

/// Finishing a task that does not exist is no error; a task enqueued later starts anew.
pub async fn finished_tasks_are_gone(queue: &impl RefetchQueue) {
    let all = vec![task("a", 1, &[RefetchReason::Gap]), task("b", 2, &[RefetchReason::Gap])];
    queue.enqueue(all).await.expect("the store writes");
    let at = |name: &str, version: u64| (key(name), Version::new(version));
    queue.finish(&[at("a", 2), at("a", 3), at("nobody", 9)]).await.expect("the store writes");
    queue.finish(&[]).await.expect("the store writes");
    assert_eq!(tasks(queue, 9).await, [task("b", 2, &[RefetchReason::Gap])]);
    let again = task("a", 90, &[RefetchReason::MergeSurvivor]);
    queue.enqueue(vec![again.clone()]).await.expect("the store writes");
    assert_eq!(tasks(queue, 9).await, [task("b", 2, &[RefetchReason::Gap]), again]);
}

/// What was read for an earlier event may not include what the newer one reports.
pub async fn a_task_that_a_newer_event_asked_for_is_not_finished(queue: &impl RefetchQueue) {
    use RefetchReason::{Gap, NotCarried};
    let asked = |version, reason| RefetchTask { version: Version::new(version), ..task("a", 50, &[reason]) };
    queue.enqueue(vec![asked(5, Gap)]).await.expect("the store writes");
    let newer = RefetchTask { asked_by: Some(EventId::of(&["newer"])), ..asked(8, NotCarried) };
    queue.enqueue(vec![newer.clone(), asked(6, Gap)]).await.expect("the store writes");
    queue.finish(&[(key("a"), Version::new(7))]).await.expect("the store writes");
    let reasons = [Gap, NotCarried].into();
    assert_eq!(tasks(queue, 9).await, [RefetchTask { reasons, ..newer }]);
    queue.finish(&[(key("a"), Version::new(8))]).await.expect("the store writes");
    assert!(tasks(queue, 9).await.is_empty());
}

pub async fn a_postponed_task_is_due_later_unless_a_newer_event_asks(queue: &impl RefetchQueue) {
    let read = task("a", 50, &[RefetchReason::Gap]);
    let later = RefetchTask { due_at: timestamp(90), attempts: 2, ..read.clone() };
    queue.postpone(std::slice::from_ref(&later)).await.expect("the store writes");
    assert!(tasks(queue, 9).await.is_empty(), "nothing to postpone");
    queue.enqueue(vec![read.clone()]).await.expect("the store writes");
    queue.postpone(std::slice::from_ref(&later)).await.expect("the store writes");
    assert_eq!(tasks(queue, 9).await, std::slice::from_ref(&later));
    let newer = RefetchTask { version: Version::new(4), ..read };
    queue.enqueue(vec![newer.clone()]).await.expect("the store writes");
    let postponed = RefetchTask { due_at: timestamp(200), ..later };
    queue.postpone(&[postponed]).await.expect("the store writes");
    assert_eq!(tasks(queue, 9).await, [RefetchTask { attempts: 2, ..newer }]);
}

/// Such a task has no version.
pub async fn a_task_of_an_earlier_release_is_finished_at_any_version(queue: &impl RefetchQueue) {
    let old = RefetchTask { version: Version::new(0), asked_by: None, ..task("a", 50, &[RefetchReason::Gap]) };
    queue.enqueue(vec![old.clone()]).await.expect("the store writes");
    assert_eq!(tasks(queue, 9).await, [old]);
    queue.finish(&[(key("a"), Version::FIRST)]).await.expect("the store writes");
    assert!(tasks(queue, 9).await.is_empty());
}

/// A task without any reason left is gone.
pub async fn a_removed_reason_leaves_the_others(queue: &impl RefetchQueue) {
    use RefetchReason::{Gap, MissingBase};
    let all = vec![task("a", 1, &[MissingBase]), task("b", 2, &[MissingBase, Gap]), task("c", 3, &[MissingBase])];
    queue.enqueue(all).await.expect("the store writes");
    let keys = [key("a"), key("b"), key("nobody")];
    queue.remove_reason(&keys, MissingBase).await.expect("the store writes");
    assert_eq!(tasks(queue, 9).await, [task("b", 2, &[Gap]), task("c", 3, &[MissingBase])]);
}
