//! Random histories of an org whose events come late, doubled, in another order, or not at all: after refetch and one
//! backfill every entity is as the org has it, in whatever order the rest arrives.
//!
//! `ANNALS_SIMULATION_SEEDS=1000 cargo nextest run -p annals-tests --test crm random_histories` runs more of them.

use annals_application::backfill::BackfillRequest;
use annals_application::ports::{Clock, JobState};
use annals_domain::identity::ExternalId;
use annals_domain::timestamp::Timestamp;
use annals_tests::change_events::{ChangeEvents, ChangeType};
use annals_tests::random::Random;
use annals_tests::rig::{CrmRig, FIELDS, FORMULA, OBJECT, far, id};
use serde_json::{Map, Value, json};

const RECORDS: usize = 5;
const STEPS: usize = 40;

/// An org at work, and the events that are on their way.
struct World {
    rig: CrmRig,
    random: Random,
    events: ChangeEvents,
    on_the_way: Vec<String>,
    /// Whether commit times are whole seconds.
    has_whole_seconds: bool,
    /// The events that the relay still loses.
    relay_stops_for: usize,
}

impl World {
    async fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let rig = CrmRig::new().await;
        rig.org.set_precision(*random.pick(&[1, 1_000, 1_000]));
        let has_whole_seconds = random.one_in(2);
        Self {
            rig,
            random,
            events: ChangeEvents::default(),
            on_the_way: Vec::new(),
            has_whole_seconds,
            relay_stops_for: 0,
        }
    }

    fn below(&mut self, end: usize) -> i64 {
        i64::try_from(self.random.below(end)).expect("small")
    }

    /// The time at which a change is committed now.
    fn committed(&self) -> Timestamp {
        let now = self.rig.clock.now();
        if self.has_whole_seconds { now.plus_millis(-now.millis().rem_euclid(1_000)) } else { now }
    }

    fn send(&mut self, event: String) {
        if self.relay_stops_for > 0 {
            self.relay_stops_for -= 1;
            return;
        }
        match self.random.below(20) {
            0..3 => {}
            3..5 => self.on_the_way.extend([event.clone(), event]),
            _ => self.on_the_way.push(event),
        }
    }

    fn value(&mut self) -> Value {
        if self.random.one_in(5) { Value::Null } else { json!(format!("text {}", self.random.below(4))) }
    }

    fn some_fields(&mut self) -> Map<String, Value> {
        let mut fields = Map::new();
        for _ in 0..=self.random.below(3) {
            let field = *self.random.pick(&FIELDS);
            let value = self.value();
            fields.insert(field.to_owned(), value);
        }
        fields
    }

    /// Creates or changes a record. The event may be lost, lack its values or be a gap; with change capture off there is
    /// none.
    fn write(&mut self, record: &ExternalId) {
        let known = self.rig.org.record(OBJECT, record);
        let mut fields = self.some_fields();
        let is_new = known.is_none();
        if known.is_some_and(|record| record.is_deleted) {
            return;
        }
        if is_new {
            fields.insert("Name".to_owned(), json!("new"));
        }
        if self.random.one_in(6) {
            // It commits late: its stamp is older than the time of the commit.
            let seconds = 1 + self.below(200);
            let late = self.rig.clock.now().plus_millis(-1_000 * seconds);
            let stamp = late.plus_millis(-late.millis().rem_euclid(1_000));
            self.rig.org.put_stamped(OBJECT, record, fields.clone(), stamp);
        } else {
            self.rig.org.put(OBJECT, record, fields.clone());
        }
        let at = self.committed();
        let whole = self.rig.org.record(OBJECT, record).expect("just written").fields;
        let event = match (is_new, self.random.below(10)) {
            (_, 0) => return,
            (true, 1) => self.events.event(ChangeType::Gap("GAP_CREATE"), record, &Map::new(), at),
            (true, _) => self.events.event(ChangeType::Create, record, &whole, at),
            (false, 1) => self.events.event(ChangeType::Gap("GAP_UPDATE"), record, &Map::new(), at),
            (false, 2) => {
                let names: Vec<&str> = fields.keys().map(String::as_str).collect();
                self.events.not_carrying(record, &names, at)
            }
            (false, _) => {
                if let Some(formula) = whole.get(FORMULA).filter(|_| self.random.one_in(3)) {
                    fields.insert(FORMULA.to_owned(), formula.clone());
                }
                self.events.event(ChangeType::Update, record, &fields, at)
            }
        };
        self.send(event);
    }

    fn delete(&mut self, record: &ExternalId) {
        if self.rig.org.record(OBJECT, record).is_none_or(|record| record.is_deleted) {
            return;
        }
        let other = id(1 + self.random.below(RECORDS));
        if self.random.one_in(3) && other != *record {
            self.rig.org.merge(OBJECT, record, &other);
        } else {
            self.rig.org.delete(OBJECT, record);
        }
        let what = if self.random.one_in(5) { ChangeType::Gap("GAP_DELETE") } else { ChangeType::Delete };
        let at = self.committed();
        let event = self.events.event(what, record, &Map::new(), at);
        self.send(event);
    }

    fn undelete(&mut self, record: &ExternalId) {
        let Some(deleted) = self.rig.org.record(OBJECT, record).filter(|record| record.is_deleted) else {
            return;
        };
        if self.random.one_in(3) {
            // No event tells of it.
            self.rig.org.purge(OBJECT, record);
            return;
        }
        self.rig.org.undelete(OBJECT, record);
        let what = if self.random.one_in(5) { ChangeType::Gap("GAP_UNDELETE") } else { ChangeType::Undelete };
        let at = self.committed();
        let event = self.events.event(what, record, &deleted.fields, at);
        self.send(event);
    }

    async fn step(&mut self) {
        let pause = *self.random.pick(&[0, 100, 400, 1_000, 3_000, 60_000]);
        let pause = pause + self.below(500);
        self.rig.clock.advance(pause);
        let record = id(1 + self.random.below(RECORDS));
        match self.random.below(16) {
            0..8 => self.write(&record),
            8..10 => {
                let value = self.value();
                self.rig.org.calculate(OBJECT, &record, FORMULA, value);
            }
            10 => self.delete(&record),
            11 => self.undelete(&record),
            12 => self.relay_stops_for = self.random.below(4),
            13 if self.random.one_in(3) => {
                let at = self.committed();
                let overflow = self.events.overflow(at);
                self.send(overflow);
            }
            14 => self.read().await,
            _ => {}
        }
        for _ in 0..self.random.below(3) {
            self.deliver_one().await;
        }
    }

    /// Delivers one of the events that are on their way, not the first one.
    async fn deliver_one(&mut self) {
        if self.on_the_way.is_empty() {
            return;
        }
        let at = self.random.below(self.on_the_way.len());
        let event = self.on_the_way.swap_remove(at);
        self.rig.deliver(&event).await;
    }

    /// What the schedule does, in the middle of changes.
    async fn read(&mut self) {
        self.rig.refetch().await;
        self.rig.runner().run(far()).await.expect("the stores answer");
    }

    async fn settle(&mut self) {
        self.rig.refetch_all(60).await;
    }

    async fn check(&self, when: &str, seed: u64) {
        let mut found = Vec::new();
        for number in 1..=RECORDS {
            found.extend(self.rig.differences(&id(number)).await);
        }
        assert!(found.is_empty(), "seed {seed}, {when}: {found:#?}");
    }
}

async fn simulate(seed: u64) {
    let mut world = World::new(seed).await;
    for _ in 0..STEPS {
        world.step().await;
    }
    let early = world.random.below(world.on_the_way.len() + 1);
    for _ in 0..early {
        world.deliver_one().await;
    }
    world.rig.clock.advance(3_600_000);
    world.settle().await;
    // A job that an overflow asked for may be open: it is the same read.
    let backfill = world.rig.backfill();
    world.rig.runner().run(far()).await.expect("the stores answer");
    backfill.request("clients", &BackfillRequest::default()).await.expect("no job is open");
    world.rig.runner().run(far()).await.expect("the stores answer");
    assert_eq!(backfill.status("clients").await.expect("a job").state, JobState::Done, "seed {seed}");
    world.settle().await;
    world.check("after the backfill", seed).await;
    while !world.on_the_way.is_empty() {
        world.deliver_one().await;
    }
    world.settle().await;
    world.check("after the rest of the events", seed).await;
}

#[expect(clippy::disallowed_methods, reason = "how many seeds run is the wish of whoever runs the tests")]
fn number_of(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[tokio::test]
async fn random_histories_end_as_the_org_has_them() {
    match number_of("ANNALS_SIMULATION_SEED") {
        Some(seed) => simulate(seed).await,
        None => {
            for seed in 0..number_of("ANNALS_SIMULATION_SEEDS").unwrap_or(100) {
                simulate(seed).await;
            }
        }
    }
}
