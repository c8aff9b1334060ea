//! Somebody who works in the org: one change at a time.

use fastrand::Rng;
use serde_json::json;

use super::seed::{STAGES, STATUSES, account};
use crate::org::Org;

pub struct LiveWork {
    org: Org,
    random: Rng,
    made: usize,
    steps: u32,
}

impl LiveWork {
    /// `seeded` is the number of accounts at the start.
    pub fn new(org: Org, seeded: usize, random_seed: u64) -> Self {
        Self { org, random: Rng::with_seed(random_seed), made: seeded, steps: 0 }
    }

    /// Makes one change, and says which. Every seventh is told by a gap event, and every eleventh by none.
    pub fn step(&mut self) -> String {
        self.steps += 1;
        let (is_gap, is_lost) = (self.steps.is_multiple_of(7), self.steps.is_multiple_of(11));
        self.org.raise_gaps(is_gap);
        self.org.capture_changes(!is_lost);
        let made = if is_gap || is_lost { self.update() } else { self.any_change() };
        self.org.raise_gaps(false);
        self.org.capture_changes(true);
        match (is_lost, is_gap) {
            (true, _) => format!("{made}; its event was lost"),
            (false, true) => format!("{made}; its event is a gap, which does not say how"),
            (false, false) => made,
        }
    }

    fn any_change(&mut self) -> String {
        match self.random.u32(..10) {
            0 => self.create(),
            1 => self.delete(),
            2..=4 => self.move_deal(),
            5 => self.recalculate(),
            _ => self.update(),
        }
    }

    fn create(&mut self) -> String {
        let fields = account(self.made, &mut self.random);
        self.made += 1;
        let id = self.org.create("Account", fields);
        format!("created account {id}")
    }

    fn update(&mut self) -> String {
        let Some(id) = self.any("Account") else { return self.create() };
        let status = STATUSES[self.random.usize(..STATUSES.len())];
        let city = if self.random.bool() { "Patras" } else { "Thessaloniki" };
        self.org.update("Account", &id, json!({ "Account_Status__c": status, "BillingCity": city }));
        format!("updated account {id}")
    }

    fn move_deal(&mut self) -> String {
        let Some(id) = self.any("Opportunity") else { return self.update() };
        let stage = STAGES[self.random.usize(..STAGES.len())];
        let fields =
            json!({ "StageName": stage, "IsClosed": stage.starts_with("Closed"), "IsWon": stage == "Closed Won" });
        self.org.update("Opportunity", &id, fields);
        format!("moved deal {id} to {stage}")
    }

    fn recalculate(&mut self) -> String {
        let Some(id) = self.any("Account") else { return self.create() };
        let value = format!("comp-{:06}", self.random.u32(..1_000_000));
        self.org.recalculate("Account", &id, json!({ "Orfium_SSO_ID_Comp__c": value }));
        format!("a formula of account {id} changed, which no event tells")
    }

    fn delete(&mut self) -> String {
        let Some(id) = self.any("Account") else { return self.create() };
        self.org.delete("Account", &id);
        format!("deleted account {id}")
    }

    fn any(&mut self, object: &str) -> Option<String> {
        let ids = self.org.ids(object);
        self.random.choice(ids)
    }
}
