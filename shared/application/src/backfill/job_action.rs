//! What may be asked of a backfill, and what it makes of a job.
//!
//! Promises that the same asked again changes nothing, so that a call whose answer was lost may be
//! made again.

use annals_domain::timestamp::Timestamp;

use super::standing;
use crate::ports::{BackfillJob, JobState};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum JobAction {
    Pause,
    Resume,
    Cancel,
}

impl JobAction {
    pub(super) fn verb(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Cancel => "cancel",
        }
    }

    /// Whether an ended job is what was asked for.
    pub(super) fn is_done_in(self, ended: JobState) -> bool {
        self == Self::Cancel && ended == JobState::Cancelled
    }

    /// The job as it is asked to be; `None` where it is that already, or has ended.
    pub(super) fn of(self, job: &BackfillJob, now: Timestamp) -> Option<BackfillJob> {
        let (state, reason) = match (self, job.state) {
            (Self::Pause, JobState::Queued | JobState::Running | JobState::Waiting) => {
                (JobState::Paused, "paused on request".to_owned())
            }
            (Self::Resume, JobState::Paused) => standing(job.provider),
            (Self::Cancel, state) if !state.has_ended() => (JobState::Cancelled, "cancelled on request".to_owned()),
            _ => return None,
        };
        Some(BackfillJob { state, reason, updated_at: Some(now), ..job.clone() })
    }
}

#[cfg(test)]
mod tests {
    use annals_domain::identity::{EntityName, Provider};
    use uuid::Uuid;

    use super::*;
    use crate::ports::{BackfillMode, JobCounts};

    const ALL: [JobState; 7] = [
        JobState::Queued,
        JobState::Running,
        JobState::Waiting,
        JobState::Paused,
        JobState::Done,
        JobState::Failed,
        JobState::Cancelled,
    ];

    fn job(state: JobState) -> BackfillJob {
        let at = Timestamp::from_millis(7).expect("a timestamp");
        BackfillJob {
            id: Uuid::nil(),
            provider: Provider::Salesforce,
            entity_name: EntityName::new("Account"),
            mode: BackfillMode::Full,
            page_size: 50,
            input: String::new(),
            created_at: at,
            state,
            reason: "as it is".to_owned(),
            counts: JobCounts { processed: 3, ..JobCounts::default() },
            started_at: Some(at),
            updated_at: None,
        }
    }

    #[track_caller]
    fn check(action: JobAction, changed: [Option<JobState>; 7]) {
        let now = Timestamp::from_millis(9).expect("a timestamp");
        for (state, expected) in ALL.into_iter().zip(changed) {
            let became = action.of(&job(state), now);
            assert_eq!(became.as_ref().map(|job| job.state), expected, "{action:?} of one that is {state}");
            let Some(became) = became else { continue };
            assert_eq!((became.updated_at, became.counts), (Some(now), job(state).counts));
            assert_eq!(action.of(&became, now), None, "{action:?} twice");
        }
    }

    #[test]
    fn each_action_has_its_states_and_once_is_as_often() {
        use JobState::{Cancelled, Paused, Waiting};
        let (paused, cancelled) = (Some(Paused), Some(Cancelled));
        check(JobAction::Pause, [paused, paused, paused, None, None, None, None]);
        check(JobAction::Resume, [None, None, None, Some(Waiting), None, None, None]);
        check(JobAction::Cancel, [cancelled, cancelled, cancelled, cancelled, None, None, None]);
    }
}
