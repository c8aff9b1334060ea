//! Backfill jobs, as they are asked for, paused, resumed and cancelled, over a real store.

#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

mod bench;

use annals_application::backfill::{BackfillError, BackfillRequest};
use annals_application::ports::{BackfillMode, JobState};
use annals_domain::identity::{EntityName, ExternalId, Provider};
use futures::future::join_all;

use self::bench::{Bench, timestamp};

fn everything() -> BackfillRequest {
    BackfillRequest::default()
}

fn of_ids(ids: &[&str]) -> BackfillRequest {
    let ids = ids.iter().map(|id| (*id).to_owned()).collect();
    BackfillRequest { ids: Some(ids), ..everything() }
}

#[tokio::test]
async fn a_job_waits_for_a_crm_and_keeps_what_was_asked_for() {
    let bench = Bench::new();
    let input = r#"{"since":"2024-04-09","page_size":7}"#.to_owned();
    let request =
        BackfillRequest { since: Some(timestamp(3)), page_size: Some(7), input: input.clone(), ..everything() };
    let status = bench.backfill.request("clients", &request).await.unwrap();
    assert_eq!((status.state, status.mode, status.r#type.as_str()), (JobState::Waiting, "since", "client"));
    assert!(status.reason.starts_with("no CRM is connected: "), "{}", status.reason);
    let [job] = &bench.jobs().await[..] else { panic!("one job") };
    assert_eq!((job.id, &job.input, job.page_size), (status.id, &input, 7));
    assert_eq!((job.mode.clone(), job.entity_name.as_str()), (BackfillMode::Since(timestamp(3)), "Account"));
    assert_eq!((job.started_at, status.counts.total, status.counts.processed), (None, None, 0));
}

#[tokio::test]
async fn ids_become_canonical_and_each_is_read_once() {
    let bench = Bench::new();
    let asked = of_ids(&["0015f00002J9YYE", "0015f00002J9YYFAA3", "0015f00002J9YYEAA3"]);
    bench.backfill.request("Account", &asked).await.unwrap();
    let expected = ["0015f00002J9YYEAA3", "0015f00002J9YYFAA3"].map(ExternalId::new);
    assert_eq!(bench.jobs().await[0].mode, BackfillMode::Ids(expected.to_vec()));
}

#[track_caller]
fn check_refused(answer: Result<impl std::fmt::Debug, BackfillError>, expected: &[&str]) {
    let Err(BackfillError::Rejected(errors)) = answer else { panic!("{answer:?} is no refusal") };
    assert_eq!(errors.iter().map(ToString::to_string).collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn an_invalid_request_reports_all_errors_and_adds_no_job() {
    let bench = Bench::new();
    let mode = |mode: &str, request: BackfillRequest| BackfillRequest { mode: Some(mode.to_owned()), ..request };
    let since = BackfillRequest { since: Some(timestamp(3)), ..everything() };
    let both = BackfillRequest { since: Some(timestamp(3)), ..of_ids(&["0015f00002J9YYE"]) };
    let pages = |size| BackfillRequest { page_size: Some(size), ..everything() };
    let table: [(BackfillRequest, &[&str]); 10] = [
        (mode("Full", everything()), &["mode: invalid value `Full`: expected full, since or ids"]),
        (both.clone(), &["mode: since and ids are both given: expected only one of them"]),
        (mode("ids", both), &["since: not allowed in mode ids: expected mode since"]),
        (mode("full", since.clone()), &["since: not allowed in mode full: expected mode since"]),
        (mode("since", everything()), &["since: missing: expected a timestamp such as 2024-04-09T20:19:25Z"]),
        (mode("ids", everything()), &["ids: missing: expected at least one id"]),
        (of_ids(&[]), &["ids: missing: expected at least one id"]),
        (
            BackfillRequest { page_size: Some(0), ..of_ids(&["0015f00002J9YYE", "soon"]) },
            &[
                "ids[1]: invalid value `soon`: expected the id of a salesforce record",
                "page_size: invalid value `0`: expected a number from 1 to 2000",
            ],
        ),
        (pages(2_001), &["page_size: invalid value `2001`: expected a number from 1 to 2000"]),
        (pages(u64::MAX), &["page_size: invalid value `18446744073709551615`: expected a number from 1 to 2000"]),
    ];
    for (request, expected) in table {
        check_refused(bench.backfill.request("clients", &request).await, expected);
    }
    let many = of_ids(&["x"; 13]);
    let Err(BackfillError::Rejected(errors)) = bench.backfill.request("clients", &many).await else { panic!() };
    assert_eq!((errors.len(), errors[10].message.as_str()), (11, "3 more invalid ids"));
    assert!(bench.jobs().await.is_empty());
    bench.backfill.request("clients", &pages(2_000)).await.unwrap();
}

#[tokio::test]
async fn a_second_is_refused_until_the_first_has_ended() {
    let bench = Bench::new();
    let first = bench.backfill.request("clients", &everything()).await.unwrap();
    for (name, state) in [("clients", JobState::Waiting), ("client", JobState::Paused), ("Account", JobState::Paused)] {
        let refused = bench.backfill.request(name, &everything()).await.unwrap_err();
        assert!(matches!(refused, BackfillError::NotEnded { id, state: is, .. } if (id, is) == (first.id, state)));
        bench.backfill.pause("clients").await.unwrap();
    }
    bench.backfill.request("deals", &everything()).await.unwrap();
    bench.backfill.cancel("clients").await.unwrap();
    let second = bench.backfill.request("clients", &everything()).await.unwrap();
    assert_ne!(second.id, first.id);
    assert_eq!(bench.backfill.status("clients").await.unwrap(), second);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_ask_at_once_one_gets_a_job() {
    let bench = Bench::new();
    for round in 1..=8 {
        let requests = (0..8).map(|_| {
            let backfill = bench.backfill.clone();
            tokio::spawn(async move { backfill.request("clients", &everything()).await })
        });
        let answers = join_all(requests).await.into_iter().map(Result::unwrap);
        let told: Vec<_> = answers.filter_map(Result::ok).map(|status| status.id).collect();
        assert_eq!((told.len(), bench.jobs().await.len()), (1, round));
        bench.backfill.cancel("clients").await.unwrap();
    }
}

#[tokio::test]
async fn the_newest_is_known_though_the_clock_steps_back() {
    let bench = Bench::new();
    for (seconds, expected) in [(100, 100_000), (50, 100_001), (50, 100_002), (200, 200_000)] {
        bench.clock.set(seconds);
        let asked = bench.backfill.request("clients", &everything()).await.unwrap();
        assert_eq!(bench.backfill.status("clients").await.unwrap(), asked);
        assert_eq!(asked.updated_at.millis(), expected, "at {seconds}");
        bench.backfill.cancel("clients").await.unwrap();
    }
}

#[tokio::test]
async fn the_same_asked_again_changes_nothing_and_an_ended_job_takes_nothing() {
    let bench = Bench::new();
    let backfill = &bench.backfill;
    assert!(matches!(backfill.status("clients").await, Err(BackfillError::NoJob(_))));
    assert!(matches!(backfill.cancel("clients").await, Err(BackfillError::NoJob(_))));
    let asked = backfill.request("clients", &everything()).await.unwrap();
    assert_eq!(backfill.resume("clients").await.unwrap(), asked);
    bench.clock.set(10);
    let paused = backfill.pause("clients").await.unwrap();
    assert_eq!((paused.id, paused.state, paused.updated_at), (asked.id, JobState::Paused, timestamp(10)));
    bench.clock.set(20);
    assert_eq!(backfill.pause("clients").await.unwrap(), paused);
    let resumed = backfill.resume("clients").await.unwrap();
    assert_eq!((resumed.state, &resumed.reason, resumed.updated_at), (asked.state, &asked.reason, timestamp(20)));
    bench.clock.set(30);
    let cancelled = backfill.cancel("clients").await.unwrap();
    bench.clock.set(40);
    assert_eq!(backfill.cancel("clients").await.unwrap(), cancelled);
    for refused in [backfill.pause("clients").await, backfill.resume("clients").await] {
        assert!(matches!(refused, Err(BackfillError::Ended { state: JobState::Cancelled, .. })), "{refused:?}");
    }
    for state in [JobState::Done, JobState::Failed] {
        backfill.request("deals", &everything()).await.unwrap();
        bench.end("Opportunity", state).await;
        for refused in [backfill.pause("deals").await, backfill.resume("deals").await, backfill.cancel("deals").await] {
            assert!(matches!(refused, Err(BackfillError::Ended { .. })), "{refused:?}");
        }
    }
}

#[tokio::test]
async fn what_is_asked_holds_for_each_job_that_has_not_ended() {
    let bench = Bench::new();
    for (number, at) in [(1, 10), (2, 30), (3, 20)] {
        bench.state.jobs.add(bench::by_wildcard(number, "Account", at)).await.unwrap();
    }
    bench.state.jobs.add(bench::by_wildcard(4, "Contract", 99)).await.unwrap();
    let states = || async { bench.jobs().await.into_iter().map(|job| job.state).collect::<Vec<_>>() };
    use JobState::{Cancelled, Done, Paused, Waiting};
    bench.end_one(2, Done).await;
    assert_eq!(bench.backfill.status("clients").await.unwrap().id.as_u128(), 3, "the newest that has not ended");
    assert_eq!(bench.backfill.pause("clients").await.unwrap().id.as_u128(), 3);
    assert_eq!(states().await, [Waiting, Done, Paused, Paused]);
    assert_eq!(bench.backfill.resume("clients").await.unwrap().state, Waiting);
    assert_eq!(states().await, [Waiting, Done, Waiting, Waiting]);
    assert_eq!(bench.backfill.cancel("clients").await.unwrap().state, Cancelled);
    assert_eq!(states().await, [Waiting, Done, Cancelled, Cancelled]);
    assert_eq!(bench.jobs().await[2].input, "{\"n\": 3}", "the input is kept");
    assert!(bench.backfill.request("clients", &everything()).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_cancels_while_others_pause_and_resume_ends_it() {
    let bench = Bench::new();
    for round in 0..20 {
        bench.backfill.request("clients", &everything()).await.unwrap();
        let calls = (0..12).map(|number| {
            let backfill = bench.backfill.clone();
            tokio::spawn(async move {
                match number % 3 {
                    0 => backfill.pause("clients").await,
                    1 => backfill.resume("clients").await,
                    _ => backfill.cancel("clients").await,
                }
            })
        });
        for (number, answer) in join_all(calls).await.into_iter().map(Result::unwrap).enumerate() {
            match answer {
                Ok(status) if number % 3 == 2 => assert_eq!(status.state, JobState::Cancelled),
                Ok(_) | Err(BackfillError::Ended { .. }) => assert_ne!(number % 3, 2),
                Err(error) => panic!("{error:?}"),
            }
        }
        assert_eq!(bench.backfill.status("clients").await.unwrap().state, JobState::Cancelled, "round {round}");
    }
}

#[tokio::test]
async fn a_type_is_named_as_everywhere_and_an_unknown_one_is_refused() {
    let bench = Bench::new();
    for name in ["invoices", "Invoice__c", "company", ""] {
        let refused = bench.backfill.request(name, &everything()).await;
        assert!(matches!(refused, Err(BackfillError::UnknownType(_))), "{name}: {refused:?}");
    }
    bench.state.objects.register(&[(Provider::Salesforce, EntityName::new("Invoice__c"))]).await.unwrap();
    let asked = bench.backfill.request("Invoice__c", &everything()).await.unwrap();
    assert_eq!(asked.r#type.as_str(), "invoice__c");
    assert_eq!(bench.backfill.status("invoice__c").await.unwrap(), asked);
    // One whose only word is a wildcard has a job, though no record.
    bench.state.jobs.add(bench::by_wildcard(9, "Royalty__c", 10)).await.unwrap();
    assert_eq!(bench.backfill.status("Royalty__c").await.unwrap().id.as_u128(), 9);
    // Whom this installation has no adapter of is not read.
    bench.state.objects.register(&[(Provider::Hubspot, EntityName::new("tickets"))]).await.unwrap();
    assert!(matches!(bench.backfill.status("tickets").await, Err(BackfillError::UnknownType(_))));
}
