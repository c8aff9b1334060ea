//! Live changes, 50 a second, while a backfill reads: in the end every entity is as the org has it, whatever of a record
//! was read before, during or after its changes.
//!
//! `ANNALS_LIVE_SEEDS=1000 cargo nextest run -p annals-tests --test crm live_changes` runs more histories.

use std::collections::BTreeMap;
use std::sync::Arc;

use annals_application::audit::AuditRequest;
use annals_application::backfill::BackfillRequest;
use annals_application::commands::{CommandHandler, CommandMetadata, Outcome};
use annals_application::contract::simulated_org::{SimulatedClock, SimulatedOrg};
use annals_application::crm::{CrmConnection, CrmConnections};
use annals_application::ports::{Clock, CrmClient, JobState};
use annals_domain::identity::{EntityName, ExternalId, Provider};
use annals_tests::change_events::{ChangeEvents, ChangeType};
use annals_tests::interposed::{Hook, Interposed};
use annals_tests::random::Random;
use annals_tests::rig::{CrmRig, FIELDS, OBJECT, far, id};
use serde_json::{Map, Value, json};
use tokio::sync::Mutex;

const RECORDS: usize = 60;
/// The time from one change to the next.
const EVERY_MS: i64 = 20;

/// People who work in the org, and the relay of their changes.
struct LiveOrg {
    org: Arc<SimulatedOrg>,
    clock: Arc<SimulatedClock>,
    handler: Arc<CommandHandler>,
    random: Random,
    events: ChangeEvents,
    /// What has not arrived yet.
    on_the_way: Vec<String>,
    alive: BTreeMap<ExternalId, Map<String, Value>>,
    deleted: BTreeMap<ExternalId, Map<String, Value>>,
    created: usize,
    changes: usize,
}

impl LiveOrg {
    fn of(rig: &CrmRig, seed: u64) -> Self {
        Self {
            org: Arc::clone(&rig.org),
            clock: Arc::clone(&rig.clock),
            handler: Arc::clone(&rig.handler),
            random: Random::new(seed),
            events: ChangeEvents::default(),
            on_the_way: Vec::new(),
            alive: BTreeMap::new(),
            deleted: BTreeMap::new(),
            created: 0,
            changes: 0,
        }
    }

    /// The records that are there before anybody listens.
    fn seed(&mut self) {
        for _ in 0..RECORDS {
            self.create();
        }
        self.on_the_way.clear();
        self.changes = 0;
    }

    /// Some time passes in which people work.
    async fn pass(&mut self) {
        for _ in 0..=self.random.below(8) {
            self.clock.advance(EVERY_MS);
            self.change();
            self.deliver(3).await;
        }
    }

    fn change(&mut self) {
        let chosen = self.random.below(self.alive.len().max(1));
        let record = self.alive.keys().nth(chosen).cloned();
        match (self.random.below(12), record) {
            (0, _) | (_, None) => self.create(),
            (1, Some(record)) => self.delete(&record),
            (2, Some(_)) => self.undelete(),
            (kind, Some(record)) => self.update(kind, &record),
        }
    }

    fn create(&mut self) {
        self.created += 1;
        let (record, mut fields) = (id(self.created), self.some_fields());
        let stamp = self.org.put(OBJECT, &record, fields.clone());
        fields.insert("CreatedDate".to_owned(), json!(stamp.to_string()));
        self.tell(ChangeType::Create, &record, &fields);
        self.alive.insert(record, fields);
    }

    fn update(&mut self, kind: usize, record: &ExternalId) {
        let fields = self.some_fields();
        self.org.put(OBJECT, record, fields.clone());
        self.alive.entry(record.clone()).or_default().extend(fields.clone());
        match kind {
            3 => self.tell(ChangeType::Gap("GAP_UPDATE"), record, &Map::new()),
            4 => {
                let names: Vec<&str> = fields.keys().map(String::as_str).collect();
                let event = self.events.not_carrying(record, &names, self.clock.now());
                self.send(event);
            }
            _ => self.tell(ChangeType::Update, record, &fields),
        }
    }

    fn delete(&mut self, record: &ExternalId) {
        self.org.delete(OBJECT, record);
        let fields = self.alive.remove(record).unwrap_or_default();
        self.deleted.insert(record.clone(), fields);
        self.tell(ChangeType::Delete, record, &Map::new());
    }

    fn undelete(&mut self) {
        let Some((record, fields)) = self.deleted.pop_first() else { return self.create() };
        self.org.undelete(OBJECT, &record);
        self.tell(ChangeType::Undelete, &record, &fields);
        self.alive.insert(record, fields);
    }

    fn some_fields(&mut self) -> Map<String, Value> {
        let mut fields = Map::new();
        for _ in 0..=self.random.below(3) {
            let value = if self.random.one_in(5) { Value::Null } else { json!(self.random.below(4).to_string()) };
            fields.insert((*self.random.pick(&FIELDS)).to_owned(), value);
        }
        fields
    }

    fn tell(&mut self, what: ChangeType, record: &ExternalId, fields: &Map<String, Value>) {
        let event = self.events.event(what, record, fields, self.clock.now());
        self.send(event);
    }

    /// Every event arrives, some of them twice.
    fn send(&mut self, event: String) {
        self.changes += 1;
        self.on_the_way.extend((0..=usize::from(self.random.one_in(10))).map(|_| event.clone()));
    }

    /// Delivers up to so many events, in any order.
    async fn deliver(&mut self, most: usize) {
        for _ in 0..self.random.below(most + 1).min(self.on_the_way.len()) {
            let chosen = self.random.below(self.on_the_way.len());
            let event = self.on_the_way.swap_remove(chosen);
            let read = self.handler.ingest_body(Provider::Salesforce, &event, CommandMetadata::default()).await;
            let results = read.expect("the store answers").results;
            assert!(results.iter().all(|read| read.outcome != Outcome::Quarantined), "{results:?}");
        }
    }
}

async fn backfill_during_changes(seed: u64) {
    let rig = CrmRig::new().await;
    let live = Arc::new(Mutex::new(LiveOrg::of(&rig, seed)));
    live.lock().await.seed();
    rig.clock.advance(3_600_000);
    let hook: Hook = {
        let live = Arc::clone(&live);
        Arc::new(move |_| {
            let live = Arc::clone(&live);
            Box::pin(async move { live.lock().await.pass().await })
        })
    };
    let client = Arc::new(Interposed::new(Arc::clone(&rig.org) as Arc<dyn CrmClient>, hook).and_after());
    let connections = CrmConnections::new([CrmConnection { client, quota_share: 50 }]);
    let runner = rig.runner_with(connections, Arc::clone(&rig.state.leases));
    rig.backfill().request("clients", &BackfillRequest { page_size: Some(10), ..Default::default() }).await.unwrap();
    runner.run(far()).await.unwrap();
    let done = rig.backfill().status("clients").await.unwrap();
    assert_eq!(done.state, JobState::Done, "seed {seed}: {}", done.reason);
    let mut live = live.lock().await;
    assert!(live.changes > 40, "seed {seed}: {} changes are no load", live.changes);
    while !live.on_the_way.is_empty() {
        live.deliver(50).await;
    }
    rig.refetch_all(10).await;
    check_equal(&rig, &live, seed).await;
}

async fn check_equal(rig: &CrmRig, live: &LiveOrg, seed: u64) {
    let mut found = Vec::new();
    for number in 1..=live.created {
        found.extend(rig.differences(&id(number)).await);
    }
    // No change event carries the stamp.
    found.retain(|difference| !difference.contains(" system_modified_stamp: "));
    assert!(found.is_empty(), "seed {seed}: {found:#?}");
    rig.clock.advance(3_600_000);
    let account = (Provider::Salesforce, EntityName::new(OBJECT));
    let audit = rig.auditor().audit(&account, AuditRequest::default(), &mut |_| {}).await.unwrap();
    assert_eq!((audit.compared, audit.changing), (live.alive.len() as u64, 0), "seed {seed}");
    assert!(audit.different.is_empty(), "seed {seed}: {:#?}", audit.different);
}

#[expect(clippy::disallowed_methods, reason = "how many seeds run is the wish of whoever runs the tests")]
fn seeds() -> u64 {
    std::env::var("ANNALS_LIVE_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(100)
}

#[tokio::test]
async fn live_changes_during_a_backfill_end_as_the_org_has_them() {
    for seed in 0..seeds() {
        backfill_during_changes(seed).await;
    }
}
