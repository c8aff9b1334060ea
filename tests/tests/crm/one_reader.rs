//! An object is read for one job at a time, however many processes and jobs there are.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use annals_application::backfill::BackfillRequest;
use annals_application::ports::{BackfillJob, Clock, CrmErrorKind, JobState};
use annals_domain::identity::ExternalId;
use annals_tests::change_events::ChangeEvents;
use annals_tests::interposed::Hook;
use annals_tests::rig::{CrmRig, OBJECT, far, id};
use serde_json::{Map, json};

const RECORDS: usize = 40;

/// An org with records, a job that somebody requested, and one that an overflow asked for.
async fn with_two_jobs() -> CrmRig {
    let rig = CrmRig::new().await;
    for number in 1..=RECORDS {
        rig.org.put(OBJECT, &id(number), Map::from_iter([("Name".to_owned(), json!(number.to_string()))]));
    }
    rig.clock.advance(3_600_000);
    let request = BackfillRequest { page_size: Some(5), ..BackfillRequest::default() };
    rig.backfill().request("clients", &request).await.unwrap();
    rig.clock.advance(1_000);
    rig.deliver(&ChangeEvents::default().overflow(rig.clock.now())).await;
    rig
}

/// The jobs, the oldest first.
async fn jobs(rig: &CrmRig) -> Vec<BackfillJob> {
    let mut jobs = rig.state.jobs.all().await.unwrap();
    jobs.reverse();
    jobs
}

async fn check_equal(rig: &CrmRig) {
    for number in 1..=RECORDS {
        assert_eq!(rig.differences(&id(number)).await, [""; 0]);
        assert_eq!(rig.events(&id(number)).await.len(), 1, "stored once");
    }
}

#[tokio::test]
async fn two_processes_never_read_for_two_jobs_of_one_object_at_once() {
    let rig = with_two_jobs().await;
    let (inside, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let hook: Hook = {
        let most = Arc::clone(&most);
        Arc::new(move |_| {
            let (inside, most) = (Arc::clone(&inside), Arc::clone(&most));
            Box::pin(async move {
                most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                // Somebody else who may read gets to it here.
                tokio::time::sleep(std::time::Duration::from_millis(2)).await;
                inside.fetch_sub(1, Ordering::SeqCst);
            })
        })
    };
    let (one, other) = (rig.runner_over(Arc::clone(&hook)), rig.runner_over(hook));
    for _ in 0..5 {
        let (one, other) = tokio::join!(one.run(far()), other.run(far()));
        one.unwrap();
        other.unwrap();
    }
    let states: Vec<JobState> = jobs(&rig).await.iter().map(|job| job.state).collect();
    assert_eq!((states, most.load(Ordering::SeqCst)), (vec![JobState::Done; 2], 1));
    check_equal(&rig).await;
}

#[tokio::test]
async fn a_job_that_waits_goes_on_where_it_was_after_another_one_of_its_object() {
    let rig = with_two_jobs().await;
    let hook: Hook = {
        let org = Arc::clone(&rig.org);
        Arc::new(move |call| {
            let org = Arc::clone(&org);
            Box::pin(async move {
                if call == 4 {
                    org.fail_next([CrmErrorKind::Unavailable]);
                }
            })
        })
    };
    rig.runner_over(hook).run(far()).await.unwrap();
    let [waits, done] = &jobs(&rig).await[..] else { panic!("two jobs") };
    assert_eq!((waits.state, waits.counts.processed, done.state), (JobState::Waiting, 15, JobState::Done));
    rig.org.take_pages();
    rig.clock.advance(3_600_000);
    rig.runner().run(far()).await.unwrap();
    assert_eq!(jobs(&rig).await[0].state, JobState::Done);
    let first: Option<ExternalId> = rig.org.take_pages()[0].after.as_deref().map(ExternalId::new);
    assert_eq!(first, Some(id(15)), "the first three pages are not read again");
    check_equal(&rig).await;
}
