//! Pausing, resuming and cancelling a job. Idempotent: a call whose response was lost can be repeated.

use annals_domain::timestamp::Timestamp;

use crate::ports::{BackfillJob, DeletionConsent, JobPace, JobState};

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

    /// Whether the action already has its effect on a job in the final state `ended`.
    pub(super) fn is_done_in(self, ended: JobState) -> bool {
        self == Self::Cancel && ended == JobState::Cancelled
    }

    /// The job after the action; `None` if the action does not change it. `initial`: the state and reason of a resumed job.
    pub(super) fn apply(self, job: &BackfillJob, initial: (JobState, String), now: Timestamp) -> Option<BackfillJob> {
        let (state, reason) = match (self, job.state) {
            (Self::Pause, JobState::Queued | JobState::Running | JobState::Waiting) => {
                (JobState::Paused, "paused on request".to_owned())
            }
            (Self::Resume, JobState::Paused) => initial,
            (Self::Cancel, state) if !state.has_ended() => (JobState::Cancelled, "cancelled on request".to_owned()),
            _ => return None,
        };
        let mut pace = JobPace { records_per_1000_seconds: None, not_before: None, ..job.pace };
        if self == Self::Resume && pace.deletions == DeletionConsent::Asked {
            pace.deletions = DeletionConsent::Given;
        }
        Some(BackfillJob { state, reason, updated_at: Some(now), pace, ..job.clone() })
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
            pace: JobPace::default(),
        }
    }

    #[track_caller]
    fn check(action: JobAction, changed: [Option<JobState>; 7]) {
        let now = Timestamp::from_millis(9).expect("a timestamp");
        for (state, expected) in ALL.into_iter().zip(changed) {
            let initial = || (JobState::Waiting, "waits".to_owned());
            let changed = action.apply(&job(state), initial(), now);
            assert_eq!(changed.as_ref().map(|job| job.state), expected, "{action:?} of a job that is {state}");
            let Some(changed) = changed else { continue };
            assert_eq!((changed.updated_at, changed.counts), (Some(now), job(state).counts));
            assert_eq!(action.apply(&changed, initial(), now), None, "{action:?} twice");
        }
    }

    #[test]
    fn whoever_resumes_a_job_that_asked_agrees_to_its_deletions() {
        use DeletionConsent::{Asked, Given, NotAsked};
        for (action, before, after) in [
            (JobAction::Resume, Asked, Given),
            (JobAction::Resume, NotAsked, NotAsked),
            (JobAction::Cancel, Asked, Asked),
        ] {
            let paused = job(JobState::Paused);
            let paused = BackfillJob { pace: JobPace { deletions: before, ..paused.pace }, ..paused };
            let now = Timestamp::from_millis(9).expect("a timestamp");
            let changed = action.apply(&paused, (JobState::Queued, String::new()), now).expect("it applies");
            assert_eq!(changed.pace.deletions, after, "{action:?}");
        }
    }

    #[test]
    fn each_action_applies_to_its_states_and_repeating_it_changes_nothing() {
        use JobState::{Cancelled, Paused, Waiting};
        let (paused, cancelled) = (Some(Paused), Some(Cancelled));
        check(JobAction::Pause, [paused, paused, paused, None, None, None, None]);
        check(JobAction::Resume, [None, None, None, Some(Waiting), None, None, None]);
        check(JobAction::Cancel, [cancelled, cancelled, cancelled, cancelled, None, None, None]);
    }
}
