//! Signed requests, compared with signatures computed here step by step.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use annals_application::ports::PortErrorKind;
use aws_credential_types::Credentials as AwsCredentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::time::TimeSource;
use aws_types::SdkConfig;
use aws_types::region::Region;
use aws_types::sdk_config::SharedTimeSource;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::request::Parts;
use bytes::Bytes;
use opensearch::http::Method;
use opensearch::http::headers::HeaderMap;
use sha2::{Digest, Sha256};

use url::Url;

use crate::read_model::settings::CALL_TIMEOUT;
use crate::read_model::transport::{Endpoint, Transport};

const KEY: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

/// 2015-08-30T12:36:00Z, as in the AWS example.
#[derive(Debug)]
struct Fixed;

impl TimeSource for Fixed {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_440_938_160)
    }
}

fn config(endpoint: Option<&str>) -> SdkConfig {
    config_of(endpoint, None)
}

fn config_of(endpoint: Option<&str>, token: Option<&str>) -> SdkConfig {
    let credentials = AwsCredentials::new(KEY, SECRET, token.map(str::to_owned), None, "test");
    let sdk = annals_services::sdk_config(endpoint.unwrap_or("http://127.0.0.1:1"));
    let builder = sdk.to_builder().region(Region::from_static("us-east-1"));
    builder
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .time_source(SharedTimeSource::new(Fixed))
        .build()
}

type Requests = Arc<Mutex<Vec<(Parts, Bytes)>>>;

/// A server that records every request and gives each the same response.
async fn stub(response: &'static str) -> (Url, Requests) {
    let requests = Requests::default();
    let recorded = Arc::clone(&requests);
    let app = axum::Router::new().fallback(move |request: Request| {
        let recorded = Arc::clone(&recorded);
        async move {
            let (parts, body) = request.into_parts();
            let body = to_bytes(body, usize::MAX).await.expect("a body");
            recorded.lock().expect("no test panics here").push((parts, body));
            response
        }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("a URL"));
    tokio::spawn(async move { axum::serve(listener, app).await });
    (url.parse().expect("a URL"), requests)
}

fn hmac(key: &[u8], message: &str) -> [u8; 32] {
    let mut padded = [0_u8; 64];
    padded[..key.len()].copy_from_slice(key);
    let with = |pad: u8| padded.map(|byte| byte ^ pad);
    let inner = Sha256::new().chain_update(with(0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(with(0x5c)).chain_update(inner).finalize().into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The signature of a canonical request, computed by the steps that AWS documents.
fn signature(canonical: &str, service: &str) -> String {
    let scope = format!("20150830/us-east-1/{service}/aws4_request");
    let digest = hex(&Sha256::digest(canonical));
    let to_sign = format!("AWS4-HMAC-SHA256\n20150830T123600Z\n{scope}\n{digest}");
    let key = ["20150830", "us-east-1", service, "aws4_request"];
    let key = key.iter().fold(format!("AWS4{SECRET}").into_bytes(), |key, part| hmac(&key, part).to_vec());
    hex(&hmac(&key, &to_sign))
}

#[test]
fn the_steps_give_the_signature_of_the_aws_example() {
    let empty = hex(&Sha256::digest(""));
    let canonical = format!(
        "GET\n/\nAction=ListUsers&Version=2010-05-08\n\
         content-type:application/x-www-form-urlencoded; charset=utf-8\nhost:iam.amazonaws.com\n\
         x-amz-date:20150830T123600Z\n\ncontent-type;host;x-amz-date\n{empty}"
    );
    assert_eq!(signature(&canonical, "iam"), "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7");
}

/// Sends a request signed by credentials with that session token, and checks its signature. Returns the headers,
/// and the names of the signed ones.
async fn signed(token: Option<&str>) -> (HeaderMap, Vec<String>) {
    let (url, requests) = stub("{}").await;
    let transport = Transport::new(url, CALL_TIMEOUT, Some(&config_of(None, token))).expect("a transport");
    let body = Bytes::from_static(b"{\"index\":{}}\n{}\n");
    let query = [("require_alias", "true"), ("filter_path", "items.*.status,error")];
    let sent = transport.send("x", Method::Post, "/_bulk", &query, Some(body.clone())).await;
    assert!(sent.is_ok());

    let requests = requests.lock().expect("no test panics here");
    let (parts, received) = &requests[0];
    assert_eq!(*received, body);
    let header = |name: &str| parts.headers[name].to_str().expect("a text");
    assert_eq!(header("x-amz-date"), "20150830T123600Z");
    assert_eq!(header("x-amz-content-sha256"), hex(&Sha256::digest(&body)));
    let (credential, rest) = header("authorization").split_once(", SignedHeaders=").expect("signed headers");
    assert_eq!(credential, format!("AWS4-HMAC-SHA256 Credential={KEY}/20150830/us-east-1/es/aws4_request"));
    let (signed, given) = rest.split_once(", Signature=").expect("a signature");
    for needed in ["host", "x-amz-date", "x-amz-content-sha256"] {
        assert!(signed.split(';').any(|name| name == needed), "{needed} is not in {signed}");
    }
    let headers: String = signed.split(';').map(|name| format!("{name}:{}\n", header(name))).collect();
    let canonical = format!(
        "POST\n/_bulk\nfilter_path=items.%2A.status%2Cerror&require_alias=true\n{headers}\n{signed}\n{}",
        header("x-amz-content-sha256")
    );
    assert_eq!(given, signature(&canonical, "es"));
    (parts.headers.clone(), signed.split(';').map(str::to_owned).collect())
}

#[tokio::test]
async fn a_request_to_a_domain_is_signed_with_its_body_and_query() {
    let (headers, _) = signed(None).await;
    assert!(!headers.contains_key("x-amz-security-token"));
}

/// The credentials of a Lambda function are those of a role, which have a session token.
#[tokio::test]
async fn a_session_token_is_sent_and_signed() {
    let token = "IQoJb3JpZ2luX2VjEEXAMPLE//////////wEaCXVzLWVhc3QtMSJHMEUCIQ==";
    let (headers, signed) = signed(Some(token)).await;
    assert_eq!(headers["x-amz-security-token"], token);
    assert!(signed.iter().any(|name| name == "x-amz-security-token"), "{signed:?}");
}

#[tokio::test]
async fn a_request_over_plain_http_is_not_signed() {
    let (url, requests) = stub("{}").await;
    let connected = Transport::connect(&Endpoint::Url(url), CALL_TIMEOUT, Some(&config(None))).await;
    let transport = connected.expect("it connects");
    transport.send("x", Method::Get, "/x", &[], None).await.expect("a response");
    let requests = requests.lock().expect("no test panics here");
    assert!(requests[0].0.headers.get("authorization").is_none());
}

fn domain() -> Endpoint {
    Endpoint::Domain("annals".to_owned())
}

#[tokio::test]
async fn a_domain_resolves_to_its_endpoint_inside_its_network_where_it_has_one() {
    for (status, expected) in [
        (r#"{"DomainStatus":{"Endpoint":"search-x.es.amazonaws.com"}}"#, Some("https://search-x.es.amazonaws.com/")),
        (r#"{"DomainStatus":{"Endpoints":{"vpc":"vpc-x.es.amazonaws.com"}}}"#, Some("https://vpc-x.es.amazonaws.com/")),
        (r#"{"DomainStatus":{"Processing":true}}"#, None),
    ] {
        let (url, requests) = stub(status).await;
        let found = domain().resolve(Some(&config(Some(url.as_str())))).await;
        assert_eq!(
            requests.lock().expect("no test panics here")[0].0.uri.path(),
            "/2021-01-01/opensearch/domain/annals"
        );
        match expected {
            Some(expected) => assert_eq!(found.expect("a URL").as_str(), expected),
            None => assert_eq!(found.expect_err("it has no endpoint yet").kind, PortErrorKind::Unavailable),
        }
    }
    let error = domain().resolve(None).await.expect_err("there are no credentials");
    assert_eq!(error.kind, PortErrorKind::Misconfigured);
}
