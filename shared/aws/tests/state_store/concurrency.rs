//! Many at once: nothing that one wrote is undone by another.

use std::collections::BTreeSet;

use annals_application::contract::samples::{key, timestamp};
use annals_application::ports::{ParkedProjection, QuarantineState};
use annals_domain::change::RefetchReason;
use annals_domain::identity::Provider;
use annals_domain::position::Version;
use futures::future::join_all;
use uuid::Uuid;

use crate::bench::{Bench, entry, task};

const REASONS: [RefetchReason; 10] = [
    RefetchReason::MissingBase,
    RefetchReason::Gap,
    RefetchReason::UndecodableFields,
    RefetchReason::NotCarried,
    RefetchReason::RestoredInPart,
    RefetchReason::BodilessCreation,
    RefetchReason::BrokenText,
    RefetchReason::AliveAfterDeletion,
    RefetchReason::AtAnImagesInstant,
    RefetchReason::MergeSurvivor,
];

#[tokio::test(flavor = "multi_thread")]
async fn of_sixteen_who_ask_for_one_record_no_reason_and_no_due_time_is_lost() {
    let bench = Bench::new().await;
    let asked = join_all((0..16).map(|writer| {
        let store = bench.store();
        let reason = REASONS[writer % REASONS.len()];
        let due = 100 - i64::try_from(writer).expect("a small number");
        async move { store.refetch.enqueue(vec![task("a", due, &[reason])]).await }
    }));
    for answer in asked.await {
        answer.expect("the store writes");
    }
    let tasks = bench.store().refetch.earliest(Provider::Salesforce, 9).await.expect("the store reads");
    assert_eq!(tasks, [task("a", 85, &REASONS)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_reason_takes_no_other_with_it_that_is_asked_for_at_once() {
    let bench = Bench::new().await;
    let store = bench.store();
    for round in 0..10 {
        let name = format!("record {round}");
        store.refetch.enqueue(vec![task(&name, 1, &[REASONS[0]])]).await.expect("the store writes");
        let keys = [key(&name)];
        let drop = store.refetch.remove_reason(&keys, REASONS[0]);
        let asks = join_all(REASONS[1..].iter().map(|reason| store.refetch.enqueue(vec![task(&name, 1, &[*reason])])));
        let (dropped, asked) = futures::future::join(drop, asks).await;
        dropped.expect("the store writes");
        assert!(asked.iter().all(Result::is_ok), "{asked:?}");
    }
    let expected: BTreeSet<RefetchReason> = REASONS[1..].iter().copied().collect();
    let tasks = store.refetch.earliest(Provider::Salesforce, 99).await.expect("the store reads");
    assert_eq!(tasks.len(), 10);
    for task in tasks {
        assert_eq!(task.reasons, expected, "{}", task.external_id);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_sixteen_who_park_one_record_no_version_is_lost() {
    let bench = Bench::new().await;
    let parked = join_all((1..=16_u32).map(|writer| {
        let store = bench.store();
        let parked = ParkedProjection {
            key: key("a"),
            from_version: Version::new(writer.into()),
            to_version: Version::new(u64::from(writer) * 10),
            reason: "a fault".to_owned(),
            parked_at: timestamp(i64::from(writer)),
        };
        async move { store.parked.park(parked).await }
    }));
    for answer in parked.await {
        answer.expect("the store writes");
    }
    let found = bench.store().parked.oldest(9).await.expect("the store reads");
    let [one] = &found[..] else { panic!("{found:?} is not one record") };
    assert_eq!((one.from_version.get(), one.to_version.get(), one.parked_at), (1, 160, timestamp(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_sixteen_processes_that_take_a_lease_one_has_it() {
    let bench = Bench::new().await;
    for work in ["a", "b", "c"] {
        let takers = join_all((1..=16).map(|token| {
            let store = bench.store();
            async move { store.leases.acquire(work, Uuid::from_u128(token), timestamp(0), timestamp(9)).await }
        }));
        let leases: Vec<_> = takers.await.into_iter().filter_map(|taken| taken.expect("the store writes")).collect();
        let [lease] = &leases[..] else { panic!("{leases:?} is not one lease") };
        for token in (1..=16).map(Uuid::from_u128) {
            let kept = bench.store().leases.renew(work, token, timestamp(9), None).await.expect("the store writes");
            assert_eq!(kept, token == lease.token);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_settled_and_opened_at_once_keeps_its_body_where_it_is_open() {
    let bench = Bench::new().await;
    for round in 0..12 {
        let (id, body) = (format!("entry {round}"), 100 + round);
        for number in 0..3 {
            bench
                .store()
                .quarantine
                .put_chunk(Uuid::from_u128(body), number, timestamp(0), vec![1])
                .await
                .expect("the store writes");
        }
        bench.store().quarantine.add(entry(&id, body, 3)).await.expect("the store writes");
        bench.store().quarantine.set_state(&id, QuarantineState::Dismissed, None).await.expect("the store writes");
        let (dismissing, adding) = (bench.store(), bench.store());
        let dismissed = dismissing.quarantine.set_state(&id, QuarantineState::Dismissed, None);
        let added = adding.quarantine.add(entry(&id, 1, 1));
        let (dismissed, added) = futures::future::join(dismissed, added).await;
        dismissed.expect("the store writes");
        assert_eq!(added.expect("the store writes").body_id, Uuid::from_u128(body));
        let found = bench.store().quarantine.get(&id).await.expect("the store reads").expect("it is there");
        let chunks = bench.expiries(&format!("chunk#{}", Uuid::from_u128(body))).await;
        assert_eq!(chunks.len(), 3, "none is gone yet");
        if found.state == QuarantineState::Open {
            assert_eq!(chunks, [None; 3], "an open entry's chunks stay");
        } else {
            assert!(chunks.iter().all(Option::is_some), "a settled entry's chunks go: {chunks:?}");
        }
        bench.store().quarantine.add(entry(&id, 1, 1)).await.expect("the store writes");
        let chunks = bench.expiries(&format!("chunk#{}", Uuid::from_u128(body))).await;
        assert_eq!(chunks, [None; 3], "however it ended, the next one to open it keeps its body");
    }
}
