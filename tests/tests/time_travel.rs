//! Time travel in a local process: at every boundary of random histories, in several orders of arrival, the answer is
//! the fold of exactly the events that count; what differs between two boundaries is the difference of their folds;
//! and the changes of a history in order give the entity. Snapshots are made after every third version.

use std::num::NonZeroU64;

use annals_application::projection::ProjectorSettings;
use annals_application::queries::MomentRequest;
use annals_sqlite::process::ProcessTuning;
use annals_sqlite::{Database, SqliteEventStore};
use annals_tests::boundaries::{Past, check_several};
use annals_tests::history::History;
use annals_tests::lanes::{Lane, lanes, steps};
use annals_tests::process::TestProcess;

/// The number of histories, and of those that share a database.
const HISTORIES: u64 = 40;
const A_DATABASE: u64 = 20;
/// The number of orders of arrival of each history.
const ORDERS: usize = 4;

/// The commit order, and some others.
fn orders(history: History, deliveries: usize) -> Vec<Vec<usize>> {
    let all = history.arrivals(deliveries, ORDERS - 1);
    let apart = (all.len() / ORDERS).max(1);
    all.into_iter().step_by(apart).take(ORDERS).collect()
}

fn tuning() -> ProcessTuning {
    let snapshot_interval = NonZeroU64::new(3).expect("not zero");
    let projector = ProjectorSettings { snapshot_interval, ..ProjectorSettings::default() };
    ProcessTuning { projector, ..ProcessTuning::default() }
}

async fn deliver(test: &TestProcess, lanes: &mut [Lane]) {
    for step in 0..steps(lanes) {
        let due = lanes.iter_mut().filter_map(|lane| lane.arriving(step).map(|delivery| (lane, delivery)));
        let (due, deliveries): (Vec<_>, Vec<_>) = due.unzip();
        let answers = test.deliver(deliveries).await;
        for (lane, reads) in due.into_iter().zip(answers) {
            lane.note(step, &reads);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_every_boundary_of_random_histories_exactly_the_right_events_count() {
    let mut moments = 0;
    for start in (0..HISTORIES).step_by(usize::try_from(A_DATABASE).expect("small")) {
        let test = TestProcess::tuned(tuning()).await;
        let mut lanes = lanes(start..start + A_DATABASE, orders);
        deliver(&test, &mut lanes).await;
        let store = SqliteEventStore::new(Database::open(&test.settings.db).expect("the file opens"));
        let process = &test.process;
        let mut pasts = Vec::new();
        for lane in &lanes {
            let key = lane.key.as_ref().expect("something was delivered");
            pasts.push(Past::read(&process.queries, &store, &process.adapters, key, &lane.record).await);
        }
        for past in &pasts {
            moments += past.check().await;
            past.check_diffs().await;
            past.check_provenance().await;
            past.check_history().await;
        }
        let as_of = pasts[0].timestamps().into_iter().nth(2);
        check_several(&pasts[..pasts.len().min(100)], &MomentRequest { as_of, ..MomentRequest::default() }).await;
    }
    assert!(moments > 5_000, "only {moments} moments were tested");
}
