//! The meaning of each failure of DynamoDB: on DynamoDB Local if it fails that way, otherwise on a stub of the service.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use annals_application::contract::samples::{key, next_event, stream};
use annals_application::ports::{AppendError, EventStore, PortError, PortErrorKind, ReadOptions};
use annals_aws::event_store::DynamoEventStore;
use annals_domain::position::Version;
use annals_services::{dynamodb_endpoint, sdk_config, unique_name};
use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_credential_types::credential_fn::provide_credentials_fn;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_dynamodb::types::AttributeValue;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::tables::{config, store};

/// What the stub does with a request.
#[derive(Debug, Clone)]
enum Behaviour {
    /// Responds with that status and body.
    Respond(u16, String),
    /// Reads the request and closes the connection.
    Close,
    /// Reads the request and never responds.
    Hang,
    /// Forwards the request to DynamoDB Local, and closes the connection instead of responding.
    CarryOut,
    /// Sends half of a response and closes the connection.
    Half,
}

/// An error by its code, as DynamoDB words it.
fn coded(status: u16, code: &str) -> Behaviour {
    let body = format!(r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{code}","message":"as the test says"}}"#);
    Behaviour::Respond(status, body)
}

/// A stub on a port of its own, and how many requests it has received.
struct Service {
    store: DynamoEventStore,
    requests: Arc<AtomicUsize>,
}

async fn stub(behaviour: Behaviour) -> Service {
    stub_of_table(behaviour, "the-events").await
}

async fn stub_of_table(behaviour: Behaviour, table: &str) -> Service {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let endpoint = format!("http://{}", listener.local_addr().expect("its address"));
    let requests = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&requests);
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            tokio::spawn(serve(connection, behaviour.clone(), Arc::clone(&counted)));
        }
    });
    Service { store: DynamoEventStore::new(&with_short_timeout(&sdk_config(&endpoint)), table.to_owned()), requests }
}

fn with_short_timeout(config: &SdkConfig) -> SdkConfig {
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(Duration::from_millis(300)).build();
    config.to_builder().timeout_config(timeouts).build()
}

async fn serve(mut connection: TcpStream, behaviour: Behaviour, requests: Arc<AtomicUsize>) -> std::io::Result<()> {
    while let Some(request) = read_request(&mut connection).await? {
        requests.fetch_add(1, Ordering::SeqCst);
        let (status, body) = match &behaviour {
            Behaviour::Respond(status, body) => (*status, body.as_str()),
            Behaviour::Close => return Ok(()),
            Behaviour::CarryOut => return carry_out(&request).await,
            Behaviour::Half => (200, "{"),
            Behaviour::Hang => std::future::pending().await,
        };
        let length = body.len() + usize::from(matches!(behaviour, Behaviour::Half)) * 1000;
        let head = format!("HTTP/1.1 {status} stub\r\ncontent-type: application/x-amz-json-1.0\r\n");
        let response = format!("{head}content-length: {length}\r\n\r\n{body}");
        connection.write_all(response.as_bytes()).await?;
        if matches!(behaviour, Behaviour::Half) {
            return Ok(());
        }
    }
    Ok(())
}

/// Forwards the request, and waits for the response.
async fn carry_out(request: &[u8]) -> std::io::Result<()> {
    let endpoint = dynamodb_endpoint();
    let mut there = TcpStream::connect(endpoint.trim_start_matches("http://")).await?;
    there.write_all(request).await?;
    there.read_u8().await.map(|_| ())
}

/// Reads a whole request; `None` if there is no more.
async fn read_request(connection: &mut TcpStream) -> std::io::Result<Option<Vec<u8>>> {
    let mut request = Vec::new();
    let end = loop {
        if connection.read_buf(&mut request).await? == 0 {
            return Ok(None);
        }
        if let Some(end) = request.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let head = String::from_utf8_lossy(&request[..end]).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.and_then(|length| length.trim().parse().ok()).unwrap_or(0);
    while request.len() < end + length {
        if connection.read_buf(&mut request).await? == 0 {
            return Ok(None);
        }
    }
    Ok(Some(request))
}

/// The outcome of an append of two events of one stream.
async fn appended(store: &DynamoEventStore) -> (&'static str, Option<PortError>) {
    let mut results = store.append(stream(&key("a"), 2)).await;
    assert!(matches!(results.remove(1), Err(AppendError::NotTried)), "after a failure nothing is tried");
    match results.remove(0) {
        Err(AppendError::NotApplied(error)) => ("not applied", Some(error)),
        Err(AppendError::OutcomeUnknown(error)) => ("unknown", Some(error)),
        Err(AppendError::Conflict { .. }) => ("conflict", None),
        other => panic!("{other:?} is not a failure"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_failure_of_an_append_says_whether_it_may_have_been_written() {
    use PortErrorKind::{Misconfigured, OutcomeUnknown, Rejected, Unavailable};
    let table: [(Behaviour, &str, PortErrorKind); 17] = [
        (coded(400, "ProvisionedThroughputExceededException"), "not applied", Unavailable),
        (coded(400, "ThrottlingException"), "not applied", Unavailable),
        (coded(400, "RequestLimitExceeded"), "not applied", Unavailable),
        (coded(400, "TransactionConflictException"), "not applied", Unavailable),
        (coded(400, "ReplicatedWriteConflictException"), "not applied", Unavailable),
        (coded(400, "ExpiredTokenException"), "not applied", Unavailable),
        (coded(400, "AccessDeniedException"), "not applied", Misconfigured),
        (coded(400, "ResourceNotFoundException"), "not applied", Misconfigured),
        (coded(400, "UnrecognizedClientException"), "not applied", Misconfigured),
        (coded(400, "ValidationException"), "not applied", Rejected),
        (coded(500, "InternalServerError"), "unknown", OutcomeUnknown),
        (coded(503, "ServiceUnavailable"), "unknown", OutcomeUnknown),
        (Behaviour::Respond(502, "<html>bad gateway</html>".to_owned()), "unknown", OutcomeUnknown),
        (Behaviour::Respond(200, "no JSON".to_owned()), "unknown", OutcomeUnknown),
        (Behaviour::Close, "unknown", OutcomeUnknown),
        (Behaviour::Half, "unknown", OutcomeUnknown),
        (Behaviour::Hang, "unknown", OutcomeUnknown),
    ];
    let mut faults = String::new();
    for (behaviour, outcome, kind) in table {
        let service = stub(behaviour.clone()).await;
        let (came, error) = appended(&service.store).await;
        let error = error.expect("none of these is a conflict");
        let requests = service.requests.load(Ordering::SeqCst);
        if (came, error.kind, &*error.resource, requests) != (outcome, kind, "the-events", 1) {
            let _ = writeln!(faults, "{behaviour:?}: {came}, {requests} requests, {error:?}");
        }
    }
    assert!(faults.is_empty(), "\n{faults}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_outcome_is_unknown_if_the_service_cannot_be_reached() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let endpoint = format!("http://{}", listener.local_addr().expect("its address"));
    drop(listener);
    let store = DynamoEventStore::new(&sdk_config(&endpoint), "the-events".to_owned());
    let (came, error) = appended(&store).await;
    let error = error.expect("not a conflict");
    assert_eq!(
        (came, error.is_retryable(), error.to_string().as_str()),
        ("unknown", true, "the-events: the connection failed")
    );
}

/// With that configuration nothing is sent, and the error says what to do.
async fn not_sent(config: &SdkConfig, remedy: &str) {
    let store = DynamoEventStore::new(config, "the-events".to_owned());
    let (came, error) = appended(&store).await;
    let read = store.heads(&[key("a")]).await.expect_err("nothing can be sent");
    assert_eq!(came, "not applied", "{error:?}");
    for error in [error.expect("not a conflict"), read] {
        assert_eq!((error.kind, &*error.resource), (PortErrorKind::Misconfigured, "the-events"), "{error:?}");
        assert!(error.message.contains(remedy), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_about_credentials_or_region_says_what_to_set() {
    let with_credentials = |failure: fn() -> CredentialsError| {
        let nobody = provide_credentials_fn(move || async move { Err(failure()) });
        config().to_builder().credentials_provider(SharedCredentialsProvider::new(nobody)).build()
    };
    not_sent(&with_credentials(CredentialsError::not_loaded_no_source), "AWS_PROFILE").await;
    not_sent(&with_credentials(|| CredentialsError::invalid_configuration("no such profile")), "AWS_PROFILE").await;
    let mut nowhere = config().to_builder();
    nowhere.set_region(None).set_endpoint_url(None);
    not_sent(&nowhere.build(), "AWS_REGION").await;
    // A credentials provider may have an outage, like any other service.
    let away = with_credentials(|| CredentialsError::provider_error("the session service does not respond"));
    let (came, error) = appended(&DynamoEventStore::new(&away, "the-events".to_owned())).await;
    assert_eq!((came, error.map(|error| error.kind)), ("unknown", Some(PortErrorKind::OutcomeUnknown)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflicting_event_that_cannot_be_read_is_corrupt() {
    const FAILED: &str = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"}"#;
    let service = stub(Behaviour::Respond(400, FAILED.to_owned())).await;
    let (came, error) = appended(&service.store).await;
    assert_eq!((came, error.map(|error| error.kind)), ("not applied", Some(PortErrorKind::Corrupt)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_whose_response_was_lost_conflicts_with_itself() {
    let (store, table) = store().await;
    let event = next_event(&key("a"), None, "lost");
    let service = stub_of_table(Behaviour::CarryOut, &table.name).await;
    let lost = service.store.append(vec![event.clone()]).await.remove(0);
    assert!(matches!(lost, Err(AppendError::OutcomeUnknown(_))), "{lost:?}");
    let again = store.append(vec![event.clone()]).await.remove(0);
    let Err(AppendError::Conflict { event_id, head }) = again else { panic!("{again:?}: expected a conflict") };
    assert_eq!((event_id, *head), (event.event.event_id(), event.head.clone()));
    let read = store.read(&key("a"), &ReadOptions::from(Version::FIRST, 9)).await.expect("the store reads");
    assert_eq!(read, [event], "stored once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_is_retried_and_then_fails_with_what_the_caller_may_do() {
    use PortErrorKind::{Misconfigured, OutcomeUnknown, Unavailable};
    let table: [(Behaviour, PortErrorKind, usize); 4] = [
        (coded(400, "ThrottlingException"), Unavailable, 4),
        (coded(500, "InternalServerError"), OutcomeUnknown, 4),
        (Behaviour::Close, OutcomeUnknown, 4),
        (coded(400, "AccessDeniedException"), Misconfigured, 1),
    ];
    for (behaviour, kind, tries) in table {
        let service = stub(behaviour.clone()).await;
        let error = service.store.read(&key("a"), &ReadOptions::from(Version::FIRST, 9)).await.expect_err("it fails");
        let requests = service.requests.load(Ordering::SeqCst);
        assert_eq!((error.kind, &*error.resource, requests), (kind, "the-events", tries), "{behaviour:?}");
        let error = service.store.heads(&[key("a")]).await.expect_err("it fails");
        assert_eq!((error.kind, &*error.resource), (kind, "the-events"), "{behaviour:?}");
        let error = service.store.scan_page(0, 1, None).await.expect_err("it fails");
        assert_eq!((error.kind, &*error.resource), (kind, "the-events"), "{behaviour:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_names_the_table_and_what_was_refused() {
    let body = r#"{"__type":"com.amazon.coral.service#AccessDeniedException","Message":"User: x is not authorized to perform: dynamodb:PutItem"}"#;
    let service = stub(Behaviour::Respond(400, body.to_owned())).await;
    let (_, error) = appended(&service.store).await;
    let words = "the-events: AccessDeniedException: User: x is not authorized to perform: dynamodb:PutItem";
    assert_eq!(error.expect("not a conflict").to_string(), words);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_table_is_named_by_every_call() {
    let name = unique_name("missing");
    let store = DynamoEventStore::new(&config(), name.clone());
    let (came, error) = appended(&store).await;
    let reads = [
        store.read(&key("a"), &ReadOptions::from(Version::FIRST, 9)).await.map(|_| ()).expect_err("there is no table"),
        store.heads(&[key("a")]).await.map(|_| ()).expect_err("there is no table"),
        store.scan_page(0, 1, None).await.map(|_| ()).expect_err("there is no table"),
    ];
    assert_eq!(came, "not applied");
    for error in reads.into_iter().chain(error) {
        assert_eq!((error.kind, &error.resource), (PortErrorKind::Misconfigured, &name));
        assert!(error.to_string().starts_with(&format!("{name}: ResourceNotFoundException")), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_about_an_undecodable_item_names_the_stream() {
    let (store, table) = store().await;
    let stream_key = key("a").to_string();
    let item = HashMap::from([
        ("entity_key".to_owned(), AttributeValue::S(stream_key.clone())),
        ("version".to_owned(), AttributeValue::N("1".to_owned())),
    ]);
    table.client.put_item().table_name(&table.name).set_item(Some(item)).send().await.expect("it is an item");
    let read = store.read(&key("a"), &ReadOptions::from(Version::FIRST, 9)).await.expect_err("not an event");
    let head = store.heads(&[key("a")]).await.expect_err("it has no head");
    for error in [read, head] {
        assert_eq!(error.kind, PortErrorKind::Corrupt);
        assert!(error.message.contains(&stream_key), "{error}");
    }
    let (came, error) = appended(&store).await;
    let error = error.expect("the conflicting event cannot be decoded");
    assert_eq!((came, error.kind), ("not applied", PortErrorKind::Corrupt));
    assert!(error.message.contains(&stream_key), "{error}");
}
