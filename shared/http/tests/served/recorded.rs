//! The examples of responses in the OpenAPI document are what the server answers to the sample change events.
//!
//! As for snapshots, `INSTA_UPDATE=always` records them again.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use annals_application::ports::{Clock, Ids};
use annals_crm::salesforce::Salesforce;
use annals_domain::definition::Catalog;
use annals_domain::provider_adapter::{ProviderAdapter, ProviderAdapters};
use annals_domain::timestamp::Timestamp;
use annals_http::{Login, TokenSet, openapi_document};
use axum::body::Body;
use axum::http::Request;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::installation::{HttpResponse, Installation};

const ADMIN: &str = "0123456789abcdef";
const READER: &str = "fedcba9876543210";

/// Each sample arrives a second after the one before it, later than all that it says.
#[derive(Default)]
struct Arrivals(AtomicU64);

impl Clock for Arrivals {
    fn now(&self) -> Timestamp {
        let start: Timestamp = "2026-10-01T09:00:00Z".parse().unwrap();
        start.plus_millis(1000 * i64::try_from(self.0.load(Ordering::SeqCst)).unwrap())
    }
}

/// Ids that are the same in each run.
#[derive(Default)]
struct Counted(AtomicU64);

impl Ids for Counted {
    fn fresh(&self) -> Uuid {
        let number = self.0.fetch_add(1, Ordering::SeqCst);
        uuid::Builder::from_random_bytes((u128::from(number) << 64 | 0x2026).to_be_bytes()).into_uuid()
    }
}

/// An installation, and what it answered so far.
struct Recorder {
    annals: Installation,
    arrivals: Arc<Arrivals>,
    catalog: Catalog,
    document: Value,
    answers: Vec<Value>,
}

impl Recorder {
    async fn new() -> Self {
        let adapters = ProviderAdapters::new([Arc::new(Salesforce::new(None)) as Arc<dyn ProviderAdapter>]);
        let catalog = Catalog::built_in(&adapters).unwrap();
        let tokens = TokenSet::parse(&format!("{ADMIN} admin\n{READER} read:deals")).unwrap();
        let arrivals = Arc::new(Arrivals::default());
        let annals = Installation::of(arrivals.clone(), Arc::new(Counted::default()), Login::Tokens(tokens)).await;
        let document = openapi_document(&catalog);
        Self { annals, arrivals, catalog, document, answers: Vec::new() }
    }

    /// Ingests the samples. The answer to one that is an example of a body is an example too.
    async fn ingest_samples(&mut self) {
        let operation = &self.document["paths"]["/events/{provider}"]["post"];
        let bodies = &operation["requestBody"]["content"]["application/json"]["examples"];
        let bodies: Map<String, Value> = bodies.as_object().unwrap().clone();
        for path in samples() {
            self.arrivals.0.fetch_add(1, Ordering::SeqCst);
            let text = std::fs::read_to_string(path).unwrap();
            let body: Value = serde_json::from_str(&text).unwrap();
            let response = self.send("POST", "/events/salesforce", text.into()).await;
            if let Some((name, _)) = bodies.iter().find(|(_, example)| example["value"] == body) {
                self.note(Some("ingestEvents"), name, &format!("POST /events/salesforce, `{name}`"), response);
            }
        }
    }

    async fn send(&self, method: &str, url: &str, body: Body) -> HttpResponse {
        let request = Request::builder().method(method).uri(url).header("authorization", format!("Bearer {ADMIN}"));
        self.annals.send(request.body(body).unwrap()).await
    }

    fn note(&mut self, operation: Option<&str>, name: &str, request: &str, response: HttpResponse) {
        let HttpResponse { status, body, .. } = response;
        let answer = json!({"operation": operation, "name": name, "request": request, "status": status, "body": body});
        self.answers.push(answer);
    }

    /// Records the answer to a request of the operation at a path of the document.
    async fn record(&mut self, method: &str, path: &str, url: &str) -> HttpResponse {
        let operation = &self.document["paths"][path][method.to_lowercase()]["operationId"];
        let operation = operation.as_str().unwrap().to_owned();
        let response = self.send(method, url, Body::empty()).await;
        assert!(response.status < 300, "{url}: {} {}", response.status, response.body);
        let recorded = HttpResponse { body: response.body.clone(), headers: response.headers.clone(), ..response };
        self.note(Some(&operation), "sample", &format!("{method} {url}"), recorded);
        response
    }

    /// Records what is answered about the example of a type.
    async fn record_type(&mut self, path: &str, url: &str) {
        let parameters = &self.document["paths"][format!("{path}/{{id}}")]["get"]["parameters"];
        let parameters = parameters.as_array().unwrap().iter();
        let id = parameters.clone().find(|parameter| parameter["name"] == "id").unwrap()["example"].clone();
        let id = id.as_str().unwrap();
        for (at, query) in [
            ("", "?include_deleted=true&page_size=1"),
            ("/count", "?include_deleted=true"),
            ("/{id}", ""),
            ("/{id}/history", "?page_size=2"),
            ("/{id}/diff", "?from=version:1"),
        ] {
            let url = format!("{url}{}{query}", at.replace("{id}", id));
            self.record("GET", &format!("{path}{at}"), &url).await;
        }
    }

    async fn record_entities(&mut self) {
        let plurals: Vec<String> = self.catalog.definitions().iter().map(|of| of.plural.clone()).collect();
        for plural in plurals {
            self.record_type(&format!("/{plural}"), &format!("/{plural}")).await;
        }
        self.record_type("/entities/{type}", "/entities/contact").await;
    }

    async fn record_quarantine(&mut self) {
        let page = self.record("GET", "/quarantine", "/quarantine?page_size=1").await;
        let url = format!("/quarantine/{}", page.each("id")[0]);
        self.record("GET", "/quarantine/{id}", &url).await;
        self.record("POST", "/quarantine/{id}/redrive", &format!("{url}/redrive")).await;
    }

    async fn record_backfills(&mut self) {
        self.record("POST", "/events/backfill/{type}", "/events/backfill/deals").await;
        self.problem("POST", "/events/backfill/deals", Body::empty()).await;
        for (method, action) in [("GET", "status"), ("POST", "pause"), ("POST", "resume"), ("POST", "cancel")] {
            let path = format!("/events/backfill/{{type}}/{action}");
            self.record(method, &path, &path.replace("{type}", "deals")).await;
        }
    }

    /// Records a problem.
    async fn problem(&mut self, method: &str, url: &str, body: impl Into<Body>) {
        let response = self.send(method, url, body.into()).await;
        self.note_problem(&format!("{method} {url}"), response);
    }

    fn note_problem(&mut self, request: &str, response: HttpResponse) {
        assert!(response.status >= 400, "{request}: {}", response.body);
        let name = response.body["type"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        self.note(None, &name, request, response);
    }

    async fn record_problems(&mut self) {
        // It has only the events of file 31, which do not state it.
        self.problem("GET", "/clients/001Qz00000CdRh7IAF", Body::empty()).await;
        self.problem("GET", "/clients/001000000000000AAA", Body::empty()).await;
        self.problem("GET", "/entities/invoices", Body::empty()).await;
        self.problem("GET", "/clients?status=Active&page=0", Body::empty()).await;
        self.problem("POST", "/events/oracle", "{}").await;
        self.problem("POST", "/events/salesforce", "Name=Halcyon").await;
        self.problem("POST", "/events/salesforce", "{\"Name\": \"Halcyon\"}").await;
        self.problem("POST", "/events/salesforce", vec![b' '; annals_http::MAX_BODY_BYTES + 1]).await;
        let of_nobody = Request::get("/clients").body(Body::empty()).unwrap();
        let response = self.annals.send(of_nobody).await;
        self.note_problem("GET /clients without a token", response);
        let of_reader = Request::get("/clients").header("authorization", format!("Bearer {READER}"));
        let response = self.annals.send(of_reader.body(Body::empty()).unwrap()).await;
        self.note_problem("GET /clients with a token of the scope `read:deals`", response);
        let compressed = Request::get("/clients").header("authorization", format!("Bearer {ADMIN}"));
        let compressed = compressed.header("content-encoding", "gzip");
        let response = self.annals.send(compressed.body(Body::empty()).unwrap()).await;
        self.note_problem("GET /clients with `Content-Encoding: gzip`", response);
    }

    fn recording(self) -> Value {
        let definitions = self.catalog.definitions().iter();
        let definitions: Map<String, Value> =
            definitions.map(|of| (of.aggregate_type.to_string(), of.digest.to_string().into())).collect();
        json!({"definitions": definitions, "answers": self.answers})
    }
}

/// The files of sample change events, in their order of arrival.
fn samples() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events/ingest/salesforce");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

#[tokio::test]
async fn the_examples_in_the_document_are_answers_of_the_server() {
    let mut recorder = Recorder::new().await;
    recorder.ingest_samples().await;
    recorder.record_entities().await;
    recorder.record_quarantine().await;
    recorder.record_backfills().await;
    recorder.record_problems().await;
    let expected = format!("{:#}\n", recorder.recording());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/openapi/recorded.json");
    if std::env::var_os("INSTA_UPDATE").is_some_and(|update| update == "always") {
        std::fs::write(&path, &expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap();
    assert!(found == expected, "{} is not what is answered: run with INSTA_UPDATE=always", path.display());
}
