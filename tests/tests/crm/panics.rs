//! A mistake in the program, met while one object is read, holds up no other, and ends nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use annals_application::audit::ScheduledAudits;
use annals_application::backfill::BackfillRequest;
use annals_application::crm::{CrmConnection, CrmConnections};
use annals_application::ports::{Clock, CrmClient, JobState};
use annals_tests::change_events::{ChangeEvents, ChangeType};
use annals_tests::interposed::{Hook, Interposed};
use annals_tests::rig::{CrmRig, OBJECT, far, id};
use serde_json::{Map, json};

/// Panics at this call, until it is mended.
fn panicking_at(number: u64) -> (Hook, Arc<AtomicBool>) {
    let is_mended = Arc::new(AtomicBool::new(false));
    let mended = Arc::clone(&is_mended);
    let hook: Hook = Arc::new(move |call| {
        let panics = call == number && !mended.load(Ordering::SeqCst);
        Box::pin(async move { assert!(!panics, "a mistake, made by the test") })
    });
    (hook, is_mended)
}

/// An org of one account and one contract, an hour old, that is read with that hook.
async fn org_with(hook: Hook) -> CrmRig {
    let mut rig = CrmRig::new().await;
    rig.org.define("Contract", &["Name"], &[]);
    for object in [OBJECT, "Contract"] {
        rig.org.put(object, &id(1), Map::from_iter([("Name".to_owned(), json!("one"))]));
    }
    rig.clock.advance(3_600_000);
    let client = Arc::new(Interposed::new(Arc::clone(&rig.org) as Arc<dyn CrmClient>, hook));
    rig.connections = CrmConnections::new([CrmConnection { client, quota_share: 50 }]);
    rig
}

#[tokio::test]
async fn a_job_that_panics_waits_and_the_next_is_run() {
    let (hook, is_mended) = panicking_at(1);
    let rig = org_with(hook).await;
    for name in ["clients", "contracts"] {
        rig.backfill().request(name, &BackfillRequest::default()).await.unwrap();
        rig.clock.advance(1_000);
    }
    rig.runner().run(far()).await.unwrap();
    let (client, contract) =
        (rig.backfill().status("clients").await.unwrap(), rig.backfill().status("contracts").await);
    assert_eq!((client.state, contract.unwrap().state), (JobState::Waiting, JobState::Done));
    assert_eq!(client.reason, "reading ended unexpectedly; see the log");
    is_mended.store(true, Ordering::SeqCst);
    rig.clock.advance(3_600_000);
    rig.runner().run(far()).await.unwrap();
    assert_eq!(rig.backfill().status("clients").await.unwrap().state, JobState::Done);
    assert_eq!(rig.differences(&id(1)).await, [""; 0]);
}

#[tokio::test]
async fn records_whose_refetch_panics_are_tried_again() {
    let (hook, is_mended) = panicking_at(1);
    let rig = org_with(hook).await;
    let gap = ChangeEvents::default().event(ChangeType::Gap("GAP_UPDATE"), &id(1), &Map::new(), rig.clock.now());
    rig.deliver(&gap).await;
    rig.clock.advance(60_000);
    assert_eq!(rig.refetch().await.postponed, 1);
    is_mended.store(true, Ordering::SeqCst);
    rig.refetch_all(3).await;
    assert_eq!(rig.differences(&id(1)).await, [""; 0]);
}

#[tokio::test]
async fn an_audit_that_panics_waits_and_the_next_is_done() {
    let (hook, is_mended) = panicking_at(1);
    let rig = org_with(hook).await;
    let audits = ScheduledAudits::new(rig.auditor(), Arc::clone(&rig.state.leases));
    let objects = audits.request(None).await.unwrap();
    let first = audits.run(far()).await.unwrap();
    // The org has only two of the objects.
    let (panicked, missing): (Vec<_>, Vec<_>) =
        first.stopped.iter().partition(|reason| reason.ends_with("comparing ended unexpectedly; see the log"));
    assert_eq!((first.finished, panicked.len(), missing.len()), (1, 1, objects - 2), "{first:?}");
    is_mended.store(true, Ordering::SeqCst);
    assert_eq!(audits.run(far()).await.unwrap().finished, 0, "it waits");
    rig.clock.advance(3_600_000);
    assert_eq!(audits.run(far()).await.unwrap().finished, 1);
}
