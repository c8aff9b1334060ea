//! What a schedule of the template asks for, as its input says: `{"schedule":"refresh"}` or
//! `{"schedule":"audit","sample":1000}`.

use serde::Deserialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(tag = "schedule", rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum Schedule {
    /// Reads everything.
    Refresh,
    /// Compares so many records of each object; all of them, and deletions, for 0 or none.
    Audit { sample: Option<u64> },
}

impl Schedule {
    pub(crate) fn of(payload: &str) -> Option<Self> {
        serde_json::from_str(payload).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_input_of_a_schedule_asks_for_more_than_due_work() {
        let sample = |sample| Some(Schedule::Audit { sample });
        assert_eq!(Schedule::of(r#"{"schedule":"refresh"}"#), Some(Schedule::Refresh));
        assert_eq!(Schedule::of(r#"{"schedule":"audit","sample":1000}"#), sample(Some(1_000)));
        assert_eq!(Schedule::of(r#"{"schedule":"audit"}"#), sample(None));
        for other in ["{}", "null", r#"{"schedule":"daily"}"#, include_str!("../../../events/backfill/schedule.json")] {
            assert_eq!(Schedule::of(other), None, "{other}");
        }
    }
}
