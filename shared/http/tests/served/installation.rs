//! A complete installation over a SQLite file of its own, used through its router.

use std::sync::Arc;

use annals_application::commands::{CommandHandler, HandlerSettings, Quarantine};
use annals_application::ports::{Clock, FeedConsumer, Ids, SeparateSections, StatePorts};
use annals_application::projection::{
    EventPattern, FeedLane, FeedProjector, ProjectionRegistry, Projector, ProjectorPorts, ProjectorSettings,
    ReadModelProjection,
};
use annals_application::queries::{EntityQueries, Health, HealthCheck, HealthReport, QueryPorts};
use annals_application::system::{RandomIds, SystemClock};
use annals_application::work_status::WorkStatus;
use annals_crm::salesforce::Salesforce;
use annals_domain::definition::Catalog;
use annals_domain::provider_adapter::{ProviderAdapter, ProviderAdapters};
use annals_http::{Login, QueryApi, local_router};
use annals_sqlite::{Database, SqliteEventStore, SqliteReadModel, SqliteStateStore, TracedJobs};
use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;

pub(crate) struct Installation {
    router: Router,
    _folder: TempDir,
}

pub(crate) struct HttpResponse {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl HttpResponse {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    /// One member of every result.
    pub(crate) fn each(&self, member: &str) -> Vec<String> {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        self.body["results"].as_array().unwrap().iter().map(|result| text(&result[member])).collect()
    }
}

struct AllWell;

#[async_trait]
impl HealthCheck for AllWell {
    async fn check(&self) -> HealthReport {
        HealthReport {
            status: Health::Ok,
            dependencies: Vec::new(),
            lag_events: Some(0),
            lag_ms: Some(0),
            audits: Vec::new(),
        }
    }
}

impl Installation {
    pub(crate) async fn new() -> Self {
        Self::of(Arc::new(SystemClock), Arc::new(RandomIds), Login::None).await
    }

    pub(crate) async fn of(clock: Arc<dyn Clock>, ids: Arc<dyn Ids>, login: Login) -> Self {
        let folder = TempDir::new().unwrap();
        let database = Database::open(&folder.path().join("annals.db")).unwrap();
        let adapters = ProviderAdapters::new([Arc::new(Salesforce::new(None)) as Arc<dyn ProviderAdapter>]);
        let catalog = Arc::new(Catalog::built_in(&adapters).unwrap());
        let store = Arc::new(SqliteEventStore::new(database.clone()));
        let state = StatePorts::of(SqliteStateStore::new(database.clone()));
        let read_model = Arc::new(SqliteReadModel::open(database, &catalog).await.unwrap());

        let indexing = Arc::new(ReadModelProjection::new(read_model.clone()));
        let registry = ProjectionRegistry::default().register(EventPattern::ALL, indexing);
        let (jobs, settings) = (Arc::new(TracedJobs), ProjectorSettings::default());
        let ports = ProjectorPorts {
            store: store.clone(),
            snapshots: state.snapshots.clone(),
            parked: state.parked.clone(),
            objects: state.objects.clone(),
            jobs,
            clock: clock.clone(),
            ids: ids.clone(),
        };
        let projector = || Projector::new(ports.clone(), catalog.clone(), adapters.clone(), registry.clone(), settings);
        let status = Arc::new(WorkStatus::new(clock.clone()));
        let lane = FeedLane::new(FeedConsumer::ReadModel, store.clone(), projector(), status);
        let feed_projector = Arc::new(FeedProjector::new(lane, None, projector()));

        let (snapshots, objects) = (state.snapshots.clone(), state.objects.clone());
        let sections = Arc::new(SeparateSections { store: store.clone(), snapshots: snapshots.clone() });
        let queries = QueryPorts { store: store.clone(), snapshots, sections, objects, read_model };
        let queries = EntityQueries::new(queries, catalog.clone(), adapters.clone());
        let quarantine = Quarantine::new(state.quarantine.clone(), clock.clone(), ids.clone());
        let settings = HandlerSettings::default();
        let handler =
            CommandHandler::new(store, state, catalog, adapters, clock, ids, settings).with_listener(feed_projector);
        let api = QueryApi { queries, quarantine, health: Arc::new(AllWell) };
        Self { router: local_router(Arc::new(handler), api, login), _folder: folder }
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> HttpResponse {
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() };
        HttpResponse { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    pub(crate) async fn get(&self, path: &str) -> HttpResponse {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: impl Into<Body>) -> HttpResponse {
        self.send(Request::post(path).body(body.into()).unwrap()).await
    }

    /// Sends changes, which must be accepted.
    pub(crate) async fn ingest(&self, changes: &[Value]) -> HttpResponse {
        let response = self.post("/events/salesforce", json!(changes).to_string()).await;
        assert_eq!(response.status, 200, "{}", response.body);
        response
    }
}

/// The 18-character id of the record of that number.
pub(crate) fn record(number: u32) -> String {
    format!("001Qz0000{number:06}IAA")
}

/// A bare change of an object's record at a second, with its fields.
pub(crate) fn change(object: &str, kind: &str, number: u32, second: u32, mut fields: Value) -> Value {
    let names: Vec<&String> = fields.as_object().unwrap().keys().collect();
    let header = json!({
        "entityName": object,
        "recordIds": [record(number)],
        "changeType": kind,
        "changeOrigin": "com/salesforce/api/soap/62.0;client=SfdcInternalAPI/",
        "transactionKey": format!("0004a3e2-{number:04}-{second:04}"),
        "sequenceNumber": 1,
        "commitTimestamp": 1_712_693_965_000_i64 + i64::from(second) * 1000,
        "commitNumber": 1_778_192_987_716_501_506_i64,
        "commitUser": "005Qz000001abcDIAQ",
        "changedFields": if kind == "UPDATE" { json!(names) } else { json!([]) },
    });
    fields["ChangeEventHeader"] = header;
    fields
}
