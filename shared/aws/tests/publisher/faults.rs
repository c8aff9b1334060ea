//! How both publishers handle failures of their service, and how many calls they make.

use std::sync::Arc;

use annals_application::contract::event_publisher::{published_event, set_text};
use annals_application::contract::samples::key;
use annals_application::ports::{NormalizedEntityEvent, PortError, PortErrorKind};
use annals_aws::client::without_retries;
use annals_aws::publisher::{EventBridgeSettings, PublishSettings, SnsSettings, publisher};
use annals_services::sdk_config;

use crate::service::{Protocol, Reply, Sent, Service};

const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:changes";

fn settings(protocol: Protocol, max_bytes: usize) -> PublishSettings {
    match protocol {
        Protocol::EventBridge => {
            let bus = "crm".to_owned();
            PublishSettings::EventBridge(EventBridgeSettings { bus, max_bytes, ..Default::default() })
        }
        Protocol::Sns => PublishSettings::Sns(SnsSettings { topic_arn: TOPIC.to_owned(), max_bytes }),
    }
}

fn resource(protocol: Protocol) -> String {
    match protocol {
        Protocol::EventBridge => "bus `crm`".to_owned(),
        Protocol::Sns => format!("topic `{TOPIC}`"),
    }
}

/// Events 1 to `count`, each of a record of its own.
fn events_of(count: u64) -> Vec<NormalizedEntityEvent> {
    let of = |number: u64| {
        let mut event = published_event(number);
        Arc::make_mut(&mut event.entity).aggregate_id = key(&number.to_string()).aggregate_id;
        event
    };
    (1..=count).map(of).collect()
}

/// Publishes to the service with a client that makes each call once.
async fn publish(
    service: &Service,
    settings: PublishSettings,
    events: Vec<NormalizedEntityEvent>,
) -> Vec<Result<(), PortError>> {
    let config = without_retries(&sdk_config(&service.endpoint));
    publisher(&config, settings).unwrap().publish(events).await
}

fn kinds(answers: &[Result<(), PortError>]) -> Vec<Option<PortErrorKind>> {
    answers.iter().map(|answer| answer.as_ref().err().map(|error| error.kind)).collect()
}

fn all_accepted(_: usize, _: &[Sent]) -> Reply {
    Reply::Failing(Vec::new())
}

#[tokio::test]
async fn twenty_entries_are_two_calls() {
    for protocol in Protocol::ALL {
        let service = Service::start(protocol, all_accepted).await;
        let answers = publish(&service, settings(protocol, 262_144), events_of(20)).await;
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        let mut numbers = service.numbers();
        numbers.sort();
        assert_eq!(numbers, [(1..=10).collect::<Vec<_>>(), (11..=20).collect()], "{protocol:?}");
    }
}

#[tokio::test]
async fn no_call_is_over_the_byte_limit_and_an_event_over_it_is_a_reference() {
    for protocol in Protocol::ALL {
        let service = Service::start(protocol, all_accepted).await;
        let mut events = events_of(30);
        for (event, letters) in events.iter_mut().zip([0, 4_000, 9_000, 100, 20_000].into_iter().cycle()) {
            set_text(event, "notes", &"é".repeat(letters / 2));
        }
        let answers = publish(&service, settings(protocol, 10_000), events).await;
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        let calls = service.calls();
        assert!(calls.iter().all(|call| call.iter().map(|sent| sent.bytes).sum::<usize>() <= 10_000));
        let mut sent = calls.concat();
        sent.sort_by_key(|sent| sent.message["from_version"].as_u64());
        let references: Vec<_> = sent.iter().map(|sent| sent.message.get("reference").is_some()).collect();
        assert_eq!(references, [false, false, false, false, true].repeat(6), "{protocol:?}");
    }
}

#[tokio::test]
async fn only_failed_entries_are_sent_again() {
    for (protocol, code) in [(Protocol::EventBridge, "InternalFailure"), (Protocol::Sns, "InternalError")] {
        for code in [code, "Throttling"] {
            let fails_first = move |call, _: &[Sent]| match call {
                1 => Reply::Failing(vec![(2, code), (7, code)]),
                _ => Reply::Failing(Vec::new()),
            };
            let service = Service::start(protocol, fails_first).await;
            let answers = publish(&service, settings(protocol, 262_144), events_of(10)).await;
            assert!(answers.iter().all(Result::is_ok), "{answers:?}");
            assert_eq!(service.numbers(), [(1..=10).collect(), vec![3, 8]], "{protocol:?} {code}");
        }
    }
}

#[tokio::test]
async fn refused_entries_are_not_sent_again_and_hold_up_no_other() {
    let table = [
        (Protocol::EventBridge, "MalformedDetail", PortErrorKind::Rejected),
        (Protocol::EventBridge, "NotAuthorizedForSourceException", PortErrorKind::Misconfigured),
        (Protocol::Sns, "InvalidParameter", PortErrorKind::Rejected),
        (Protocol::Sns, "KMSAccessDenied", PortErrorKind::Misconfigured),
    ];
    for (protocol, code, kind) in table {
        let service = Service::start(protocol, move |_, _| Reply::Failing(vec![(1, code)])).await;
        let answers = publish(&service, settings(protocol, 262_144), events_of(3)).await;
        assert_eq!(kinds(&answers), [None, Some(kind), None]);
        let error = answers[1].as_ref().unwrap_err().to_string();
        assert!(error.starts_with(&format!("{}: an entry was refused: {code}", resource(protocol))), "{error}");
        assert_eq!(service.calls().len(), 1, "{protocol:?} {code}");
    }
}

#[tokio::test]
async fn entries_that_keep_failing_are_reported_after_the_last_attempt() {
    for protocol in Protocol::ALL {
        let service = Service::start(protocol, |_, _| Reply::Failing(vec![(0, "Throttling")])).await;
        let answers = publish(&service, settings(protocol, 262_144), events_of(2)).await;
        assert_eq!(kinds(&answers), [Some(PortErrorKind::Unavailable), None]);
        assert_eq!(service.numbers(), [vec![1, 2], vec![1], vec![1]], "{protocol:?}");
    }
}

#[tokio::test]
async fn a_call_that_fails_as_a_whole_fails_each_event_and_names_the_resource() {
    let table = [
        (400, "ThrottlingException", PortErrorKind::Unavailable),
        (400, "AccessDeniedException", PortErrorKind::Misconfigured),
        (403, "OptInRequired", PortErrorKind::Misconfigured),
        (500, "InternalException", PortErrorKind::OutcomeUnknown),
        (503, "ServiceUnavailable", PortErrorKind::Unavailable),
    ];
    for protocol in Protocol::ALL {
        for (status, code, kind) in table {
            let service = Service::start(protocol, move |_, _| Reply::Refused(status, code)).await;
            let answers = publish(&service, settings(protocol, 262_144), events_of(3)).await;
            assert_eq!(kinds(&answers), [Some(kind); 3], "{protocol:?} {code}");
            for answer in &answers {
                let error = answer.as_ref().unwrap_err();
                assert!(error.to_string().starts_with(&format!("{}: {code}", resource(protocol))), "{error}");
                assert!(error.source.is_some());
            }
            assert_eq!(service.calls().len(), 1, "{protocol:?} {code}");
        }
    }
}

#[tokio::test]
async fn a_failed_call_does_not_affect_the_others() {
    for protocol in Protocol::ALL {
        let second = |sent: &[Sent]| sent[0].message["from_version"] == 11;
        let refuses_second = move |_, sent: &[Sent]| match second(sent) {
            true => Reply::Refused(503, "ServiceUnavailable"),
            false => Reply::Failing(Vec::new()),
        };
        let service = Service::start(protocol, refuses_second).await;
        let answers = publish(&service, settings(protocol, 262_144), events_of(25)).await;
        let failed: Vec<_> = (1..=25).zip(&answers).filter(|(_, answer)| answer.is_err()).map(|pair| pair.0).collect();
        assert_eq!(failed, (11..=20).collect::<Vec<_>>(), "{protocol:?}");
    }
}

#[tokio::test]
async fn a_call_refused_for_one_entry_is_split() {
    for protocol in Protocol::ALL {
        let refuses_second = |_, sent: &[Sent]| {
            let second = sent.iter().any(|sent| sent.message["from_version"] == 2);
            if second { Reply::Refused(400, "ValidationException") } else { Reply::Failing(Vec::new()) }
        };
        let service = Service::start(protocol, refuses_second).await;
        let answers = publish(&service, settings(protocol, 262_144), events_of(3)).await;
        assert_eq!(kinds(&answers), [None, Some(PortErrorKind::Rejected), None], "{protocol:?}");
        assert_eq!(service.numbers(), [vec![1, 2, 3], vec![1], vec![2], vec![3]]);
    }
}

#[tokio::test]
async fn a_throttled_call_is_retried_by_the_client() {
    for protocol in Protocol::ALL {
        let throttles_first = |call, _: &[Sent]| match call {
            1 => Reply::Refused(400, "ThrottlingException"),
            _ => Reply::Failing(Vec::new()),
        };
        let service = Service::start(protocol, throttles_first).await;
        let publisher = publisher(&sdk_config(&service.endpoint), settings(protocol, 262_144)).unwrap();
        assert!(publisher.publish(events_of(1)).await[0].is_ok());
        assert_eq!(service.numbers(), [[1], [1]], "{protocol:?}");
    }
}

#[tokio::test]
async fn an_unreachable_service_is_an_outage() {
    for protocol in Protocol::ALL {
        let config = without_retries(&sdk_config("http://127.0.0.1:1"));
        let publisher = publisher(&config, settings(protocol, 262_144)).unwrap();
        for answer in publisher.publish(events_of(2)).await {
            let error = answer.unwrap_err();
            assert!(error.is_retryable());
            assert!(error.to_string().starts_with(&resource(protocol)), "{error}");
        }
    }
}

#[test]
fn nowhere_is_no_publisher() {
    assert!(publisher(&sdk_config("http://127.0.0.1:1"), PublishSettings::Nowhere).is_none());
}
