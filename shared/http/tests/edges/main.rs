//! The edges of the router: unknown paths and methods, logins, invalid bodies, and stores that do not respond.

#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

mod unreachable;

use annals_http::{GatewayCaller, Login, MAX_BODY_BYTES, TokenSet};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use serde_json::Value;
use tower::ServiceExt as _;

const READER: &str = "0123456789abcdef";
const ADMIN: &str = "fedcba9876543210";

struct HttpResponse {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl HttpResponse {
    fn problem(&self) -> (u16, String) {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}", self.body);
        let body: Value = serde_json::from_str(&self.body).unwrap();
        assert_eq!(body["status"].as_u64(), Some(u64::from(self.status.as_u16())), "{}", self.body);
        (self.status.as_u16(), body["type"].as_str().unwrap().to_owned())
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

async fn send(login: Login, request: Request<Body>) -> HttpResponse {
    response_of(unreachable::router(login), request).await
}

async fn response_of(router: Router, request: Request<Body>) -> HttpResponse {
    let response = router.oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    HttpResponse { status: parts.status, headers: parts.headers, body: String::from_utf8(body.to_vec()).unwrap() }
}

fn request(method: &str, path: &str, token: Option<&str>, body: impl Into<Body>) -> Request<Body> {
    let builder = Request::builder().method(method).uri(path);
    let builder = token.into_iter().fold(builder, |b, token| b.header("authorization", format!("Bearer {token}")));
    builder.body(body.into()).unwrap()
}

async fn problem(method: &str, path: &str) -> (u16, String) {
    send(Login::None, request(method, path, None, Body::empty())).await.problem()
}

fn tokens() -> Login {
    Login::Tokens(TokenSet::parse(&format!("{READER}\n{ADMIN} admin")).unwrap())
}

#[tokio::test]
async fn an_unknown_route_is_a_404_problem() {
    let paths = [
        "/",
        "//",
        "/openapi.json/1",
        "/entities",
        "/a/b/c",
        "/a/b/c/d",
        "/health/count",
        "/events/a/history",
        "/events/backfill/clients/stop",
        "/events/backfill/clients/status/now",
    ];
    for path in paths {
        assert_eq!(problem("GET", path).await, (404, "/problems/not-found".to_owned()), "{path}");
    }
}

#[tokio::test]
async fn the_name_of_a_fixed_route_is_a_type_only_below_entities() {
    for (path, expected) in [
        ("/events", "/problems/not-found"),
        ("/health/1", "/problems/not-found"),
        ("/entities/events", "/problems/unknown-entity-type"),
        ("/entities/health/1", "/problems/unknown-entity-type"),
        ("/unheard_of", "/problems/unknown-entity-type"),
    ] {
        assert_eq!(problem("GET", path).await, (404, expected.to_owned()), "{path}");
    }
}

#[tokio::test]
async fn a_wrong_method_is_a_405_problem_with_the_allowed_methods() {
    for (method, path, allowed) in [
        ("POST", "/clients", "GET,HEAD"),
        ("DELETE", "/clients/1/", "GET,HEAD"),
        ("PUT", "/entities/clients/count", "GET,HEAD"),
        ("GET", "/events/salesforce", "POST"),
        ("GET", "/quarantine/1/redrive", "POST"),
        ("POST", "/health/", "GET,HEAD"),
        ("GET", "/events/backfill/clients", "POST"),
        ("POST", "/events/backfill/clients/status", "GET,HEAD"),
        ("GET", "/events/backfill/clients/pause", "POST"),
        ("GET", "/events/backfill/history", "POST"),
    ] {
        let response = send(Login::None, request(method, path, None, Body::empty())).await;
        assert_eq!(response.problem(), (405, "/problems/wrong-method".to_owned()), "{method} {path}");
        assert_eq!(response.header("allow"), Some(allowed), "{method} {path}");
    }
    let response = send(Login::None, request("PATCH", "/quarantine/1", None, Body::empty())).await;
    let allowed: std::collections::BTreeSet<_> = response.header("allow").unwrap().split(',').collect();
    assert_eq!(allowed.into_iter().collect::<Vec<_>>(), ["DELETE", "GET", "HEAD"]);
}

#[tokio::test]
async fn every_route_accepts_one_trailing_slash() {
    let routes = [
        ("GET", "/clients"),
        ("GET", "/clients/count"),
        ("GET", "/clients/0015f00002J9YYEAA3"),
        ("GET", "/clients/0015f00002J9YYEAA3/history"),
        ("GET", "/entities/Account"),
        ("GET", "/entities/client/count"),
        ("GET", "/entities/clients/0015f00002J9YYEAA3"),
        ("GET", "/entities/clients/0015f00002J9YYEAA3/history"),
        ("GET", "/quarantine"),
        ("GET", "/quarantine/1"),
        ("POST", "/quarantine/1/redrive"),
        ("DELETE", "/quarantine/1"),
        ("POST", "/events/backfill/clients"),
        ("GET", "/events/backfill/clients/status"),
        ("POST", "/events/backfill/client/pause"),
        ("POST", "/events/backfill/Account/resume"),
        ("POST", "/events/backfill/clients/cancel"),
    ];
    for (method, path) in routes {
        for path in [path.to_owned(), format!("{path}/")] {
            assert_eq!(problem(method, &path).await, (503, "/problems/unavailable".to_owned()), "{method} {path}");
        }
        let doubled = format!("{path}//");
        assert_eq!(problem(method, &doubled).await.0, 404, "{method} {doubled}");
    }
    for path in ["/health", "/health/"] {
        assert_eq!(send(Login::None, request("GET", path, None, Body::empty())).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_store_that_does_not_respond_is_503_and_not_named() {
    let response = send(Login::None, request("GET", "/clients", None, Body::empty())).await;
    assert_eq!(response.header("retry-after"), Some("1"));
    assert!(!response.body.contains("store-7") && !response.body.contains("refused"), "{}", response.body);
}

#[tokio::test]
async fn health_is_200_and_names_degraded_dependencies() {
    let response = send(tokens(), request("GET", "/health", None, Body::empty())).await;
    assert_eq!((response.status, response.header("content-type")), (StatusCode::OK, Some("application/json")));
    insta::assert_snapshot!(response.body, @r#"{"status":"degraded","dependencies":[{"name":"store","status":"degraded","detail":"does not answer"}],"lag_events":null,"lag_ms":null,"audits":[]}"#);
}

#[tokio::test]
async fn the_document_needs_a_login_and_no_store() {
    for path in ["/openapi.json", "/openapi.json/"] {
        let response = send(tokens(), request("GET", path, Some(READER), Body::empty())).await;
        assert_eq!((response.status, response.header("content-type")), (StatusCode::OK, Some("application/json")));
        let document: Value = serde_json::from_str(&response.body).unwrap();
        assert_eq!(document["openapi"], "3.1.0");
        assert!(document["paths"]["/clients/{id}"]["get"].is_object());
    }
}

#[tokio::test]
async fn a_request_without_a_known_token_is_401() {
    for token in [None, Some("0123456789abcdeg"), Some("")] {
        for path in ["/clients", "/quarantine", "/openapi.json", "/nowhere/at/all"] {
            let response = send(tokens(), request("GET", path, token, Body::empty())).await;
            assert_eq!(response.problem(), (401, "/problems/unauthorized".to_owned()), "{token:?} {path}");
            assert!(response.header("www-authenticate").unwrap().starts_with("Bearer "));
        }
    }
}

#[tokio::test]
async fn admin_routes_are_403_for_other_callers() {
    for (method, path) in [
        ("GET", "/quarantine"),
        ("GET", "/quarantine/1"),
        ("POST", "/quarantine/1/redrive/"),
        ("DELETE", "/quarantine/1"),
        ("GET", "/clients/0015f00002J9YYEAA3/history?raw=true"),
        ("POST", "/events/backfill/clients"),
        ("GET", "/events/backfill/clients/status"),
        ("POST", "/events/backfill/clients/pause/"),
        ("POST", "/events/backfill/clients/resume"),
        ("POST", "/events/backfill/clients/cancel"),
    ] {
        let refused = send(tokens(), request(method, path, Some(READER), Body::empty())).await;
        assert_eq!(refused.problem(), (403, "/problems/forbidden".to_owned()), "{method} {path}");
        let allowed = send(tokens(), request(method, path, Some(ADMIN), Body::empty())).await;
        assert_eq!(allowed.problem().0, 503, "{method} {path}");
    }
}

#[tokio::test]
async fn a_caller_without_the_admin_scope_may_read_and_send_events() {
    for (method, path, status) in [
        ("GET", "/clients", 503),
        ("GET", "/clients/0015f00002J9YYEAA3/history?raw=false", 503),
        ("POST", "/events/salesforce", 400),
    ] {
        let response = send(tokens(), request(method, path, Some(READER), Body::empty())).await;
        assert_eq!(response.problem().0, status, "{method} {path}");
    }
}

#[tokio::test]
async fn a_token_with_read_scopes_reads_only_these_types() {
    let limited = format!("{READER} read:clients read:Invoice__c\n{ADMIN} admin read:deals");
    let login = || Login::Tokens(TokenSet::parse(&limited).unwrap());
    let id = "0015f00002J9YYEAA3";
    for (path, allowed) in [
        ("/clients".to_owned(), true),
        ("/entities/Account/count".to_owned(), true),
        (format!("/client/{id}"), true),
        (format!("/entities/clients/{id}/history"), true),
        ("/invoice__c".to_owned(), true),
        ("/deals".to_owned(), false),
        ("/entities/Opportunity/count".to_owned(), false),
        (format!("/deals/{id}"), false),
        (format!("/entities/deal/{id}/history/"), false),
        ("/unheard_of".to_owned(), false),
    ] {
        let response = send(login(), request("GET", &path, Some(READER), Body::empty())).await;
        assert_eq!(response.problem().0 != 403, allowed, "{path}");
        let admin = send(login(), request("GET", &path, Some(ADMIN), Body::empty())).await;
        assert_ne!(admin.problem().0, 403, "{path}");
    }
    let sent = send(login(), request("POST", "/events/salesforce", Some(READER), "nope")).await;
    assert_eq!(sent.problem().0, 400, "it may send events");
}

async fn sent(path: &str, body: impl Into<Body>) -> (u16, String) {
    send(Login::None, request("POST", path, None, body)).await.problem()
}

#[tokio::test]
async fn a_body_that_is_not_json_is_400() {
    for body in [&b""[..], b" ", b"{", b"nope", b"[1,]", b"{} {}", b"\xff\xfe", b"{\"a\":\"\xff\"}"] {
        assert_eq!(sent("/events/salesforce", body).await, (400, "/problems/invalid-body".to_owned()), "{body:?}");
    }
    for body in [&b"{"[..], b"full", b"{} {}", b"\xff\xfe", b"{\"a\":\"\xff\"}"] {
        let expected = (400, "/problems/invalid-body".to_owned());
        assert_eq!(sent("/events/backfill/clients", body).await, expected, "{body:?}");
    }
}

#[tokio::test]
async fn a_byte_order_mark_is_no_part_of_a_body() {
    // The store would be called next.
    assert_eq!(sent("/events/salesforce", "\u{feff}{\"a\": 1}").await.0, 503);
    assert_eq!(sent("/events/salesforce", "{\u{feff}}").await.0, 400);
    assert_eq!(sent("/events/salesforce", "\u{feff}").await.0, 400);
}

#[tokio::test]
async fn a_compressed_body_is_415_and_two_hosts_are_400() {
    let mut compressed = request("POST", "/events/salesforce", None, "{}");
    compressed.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
    let response = send(Login::None, compressed).await;
    assert_eq!(response.problem(), (415, "/problems/unsupported-encoding".to_owned()));
    let mut two_hosts = request("GET", "/clients", None, Body::empty());
    two_hosts.headers_mut().append("host", "localhost".parse().unwrap());
    two_hosts.headers_mut().append("host", "localhost".parse().unwrap());
    assert_eq!(send(Login::None, two_hosts).await.problem(), (400, "/problems/invalid-request".to_owned()));
}

#[tokio::test]
async fn an_invalid_backfill_is_400_before_any_store_is_called() {
    for (body, field) in [
        ("[]", ""),
        (r#"{"mode": "some"}"#, "mode"),
        (r#"{"mode": ["full"]}"#, "mode"),
        (r#"{"since": 1712693965}"#, "since"),
        (r#"{"mode": "since"}"#, "since"),
        (r#"{"mode": "full", "ids": ["0015f00002J9YYEAA3"]}"#, "ids"),
        (r#"{"ids": "0015f00002J9YYEAA3"}"#, "ids"),
        (r#"{"ids": ["0015f00002J9YYEAA3", "1"]}"#, "ids[1]"),
        (r#"{"page_size": 2001}"#, "page_size"),
        (r#"{"page_size": -1}"#, "page_size"),
        (r#"{"page_size": "50"}"#, "page_size"),
        (r#"{"pagesize": 50}"#, "pagesize"),
    ] {
        let response = send(Login::None, request("POST", "/events/backfill/clients", None, body)).await;
        assert_eq!(response.problem(), (400, "/problems/invalid-request".to_owned()), "{body}");
        let errors: Value = serde_json::from_str(&response.body).unwrap();
        assert_eq!(errors["errors"][0]["field"], field, "{body}");
        let detail = errors["detail"].as_str().unwrap();
        assert!(detail.contains("expected"), "{body}: {detail}");
    }
    let refused = send(Login::None, request("POST", "/events/backfill/clients?mode=full", None, "{}")).await;
    assert_eq!(refused.problem(), (400, "/problems/invalid-request".to_owned()));
}

#[tokio::test]
async fn a_body_over_a_mebibyte_is_413_and_one_of_a_mebibyte_is_not() {
    let body = |size: usize| format!("\"{}\"", "x".repeat(size - 2));
    let largest = sent("/events/salesforce", body(MAX_BODY_BYTES)).await;
    assert_eq!(largest, (503, "/problems/unavailable".to_owned()));
    let larger = sent("/events/salesforce/", body(MAX_BODY_BYTES + 1)).await;
    assert_eq!(larger, (413, "/problems/too-large".to_owned()));
    let ids = |size: usize| format!("{{\"ids\":[]{}}}", " ".repeat(size - 10));
    assert_eq!(sent("/events/backfill/clients", ids(MAX_BODY_BYTES)).await.0, 400);
    let larger = sent("/events/backfill/clients", ids(MAX_BODY_BYTES + 1)).await;
    assert_eq!(larger, (413, "/problems/too-large".to_owned()));
}

#[tokio::test]
async fn an_unknown_provider_is_404_and_the_detail_names_the_enabled_ones() {
    for name in ["hubspot", "Salesforce", "sap"] {
        let response = send(Login::None, request("POST", &format!("/events/{name}"), None, "{}")).await;
        assert_eq!(response.problem(), (404, "/problems/unknown-provider".to_owned()), "{name}");
        assert!(response.body.contains(": expected salesforce"), "{}", response.body);
    }
}

#[tokio::test]
async fn an_invalid_parameter_is_400_before_any_store_is_called() {
    for path in [
        "/clients?page=0",
        "/clients?page_size=201",
        "/clients?sort=nonsense",
        "/clients?nonsense=1",
        "/clients?is_deleted=maybe",
        "/clients?cursor=x",
        "/clients?search_term=%FF",
        "/clients/count?page=1",
        "/clients?filter=name:is:x",
        "/clients?fields=nonsense",
        "/clients/1?as_of=2024-04-09T20:19:25",
        "/clients/1?version=-1",
        "/clients/1?version=0",
        "/clients/1?version=3&as_of=2024-04-09",
        "/clients/1?as_of=2024-04-09&page=2",
        "/clients?as_of=2024-04-09",
        "/clients?ids=1",
        "/clients?ids=1&as_of=2024-04-09&version=3",
        "/clients/1/history?page=0",
        "/clients/1/history?from_date=soon",
        "/clients/%FF",
        "/quarantine?state=closed",
        "/quarantine/1?full=true",
        "/events/backfill/clients/status?all=true",
        "/events/backfill/%FF/status",
    ] {
        assert_eq!(problem("GET", path).await, (400, "/problems/invalid-request".to_owned()), "{path}");
    }
}

#[tokio::test]
async fn a_misspelt_parameter_is_reported_with_all_fields_and_parameters() {
    let response = send(Login::None, request("GET", "/clients/count?pagesize=5", None, Body::empty())).await;
    let body: Value = serde_json::from_str(&response.body).unwrap();
    let detail = body["detail"].as_str().unwrap();
    assert!(detail.contains("billing_country"), "{detail}");
    assert!(detail.ends_with("; parameters beside fields: search_term, include_deleted, filter"), "{detail}");
}

#[tokio::test]
async fn the_backfill_router_has_only_its_own_routes() {
    let status = |method: &'static str, path: &'static str, caller: Option<GatewayCaller>| async move {
        let mut request = request(method, path, None, Body::empty());
        if let Some(caller) = caller {
            request.extensions_mut().insert(caller);
        }
        response_of(unreachable::backfill_router(Login::Gateway), request).await.problem().0
    };
    let (admin, reader) =
        (Some(GatewayCaller { is_admin: true, ..GatewayCaller::default() }), Some(GatewayCaller::default()));
    for (method, path) in [("POST", "/events/backfill/clients"), ("GET", "/events/backfill/clients/status/")] {
        assert_eq!(status(method, path, admin.clone()).await, 503, "{path}");
        assert_eq!(status(method, path, reader.clone()).await, 403, "{path}");
        assert_eq!(status(method, path, None).await, 401, "{path}");
    }
    for (method, path) in [("POST", "/events/salesforce"), ("GET", "/clients"), ("GET", "/health")] {
        assert_eq!(status(method, path, admin.clone()).await, 404, "{path}");
    }
}
