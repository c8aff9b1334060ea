//! One run of `rebuild --target aws`: starts a rebuild or resumes the unfinished one, and waits while another process
//! works on it.

use std::time::Duration;

use annals_application::ports::Clock;
use annals_aws::rebuild::{RebuildError, RebuildOutcome, RebuildPlan, RebuildReport, RebuildRequest, Rebuilder};

use super::progress::Progress;
use crate::arguments::Rebuild;
use crate::interrupt::Interrupt;

/// How often a rebuild that another process holds is tried again. There is no limit: only Ctrl-C ends the wait.
const RETRY_EVERY: Duration = Duration::from_secs(1);

/// Why the run ended early.
pub(super) enum Stopped {
    Interrupted,
    Failed(RebuildError),
}

impl From<RebuildError> for Stopped {
    fn from(error: RebuildError) -> Self {
        Self::Failed(error)
    }
}

pub(super) struct Session<'a> {
    pub(super) rebuilder: &'a Rebuilder,
    pub(super) arguments: &'a Rebuild,
    pub(super) progress: &'a Progress,
    pub(super) clock: &'a dyn Clock,
    pub(super) interrupt: Interrupt,
}

impl Session<'_> {
    /// Returns the report if this process finished the requested rebuild.
    pub(super) async fn run(mut self) -> Result<Option<RebuildReport>, Stopped> {
        if self.arguments.abandon {
            return self.abandon().await.map(|()| None);
        }
        loop {
            let is_requested = self.begin().await?;
            if self.arguments.detach {
                self.progress.notice("the backfill function continues it, each minute");
                return Ok(None);
            }
            match self.resume().await? {
                RebuildOutcome::Finished(report) if is_requested => return Ok(Some(report)),
                RebuildOutcome::NoneStarted if is_requested => {
                    self.progress.notice("another process finished it");
                    return Ok(None);
                }
                RebuildOutcome::Finished(_) | RebuildOutcome::NoneStarted => {
                    self.progress.notice("previous rebuild finished; starting yours");
                }
                RebuildOutcome::Interrupted(_) => return Err(Stopped::Interrupted),
            }
        }
    }

    async fn abandon(&mut self) -> Result<(), Stopped> {
        let rebuilder = self.rebuilder;
        let was_there = self.retry(async |_| Ok(rebuilder.abandon().await?)).await?;
        self.progress.notice(match was_there {
            true => "rebuild given up; the previous index stays in use",
            false => "no rebuild to give up",
        });
        Ok(())
    }

    /// Starts the requested rebuild, or takes over the unfinished one. Returns whether that is the requested one.
    async fn begin(&mut self) -> Result<bool, Stopped> {
        let (rebuilder, arguments) = (self.rebuilder, self.arguments);
        let request = RebuildRequest { name: arguments.one_type(), leaves_out_failed: arguments.leave_out_failed };
        match self.retry(async |_| Ok(begin_or_find(rebuilder, &request).await?)).await {
            Ok(plan) => {
                self.progress.notice(started(&plan, self.clock));
                Ok(true)
            }
            Err(Stopped::Failed(RebuildError::Unfinished(plan))) if !arguments.detach => {
                let is_requested = rebuilder.covers(&plan, &request).await?;
                self.progress.notice(format_args!("{}; continuing it", RebuildError::Unfinished(plan)));
                Ok(is_requested)
            }
            Err(stopped) => Err(stopped),
        }
    }

    async fn resume(&mut self) -> Result<RebuildOutcome, Stopped> {
        let (rebuilder, progress, clock) = (self.rebuilder, self.progress, self.clock);
        let show = |plan: &RebuildPlan| progress.show(plan, clock);
        self.retry(async |interrupt| {
            let resumed = rebuilder.resume(interrupt.requested(), &show).await;
            if let (Err(RebuildError::AlreadyRunning), Some(plan)) = (&resumed, rebuilder.unfinished().await?) {
                show(&plan);
            }
            Ok(resumed?)
        })
        .await
    }

    /// Calls `attempt` until no other process holds the rebuild: until it finished, stopped, or was killed and its
    /// lease expired.
    async fn retry<T>(
        &mut self,
        mut attempt: impl AsyncFnMut(&mut Interrupt) -> Result<T, Stopped>,
    ) -> Result<T, Stopped> {
        let mut is_noticed = false;
        loop {
            match attempt(&mut self.interrupt).await {
                Err(Stopped::Failed(RebuildError::AlreadyRunning | RebuildError::LeaseLost)) => {}
                result => return result,
            }
            if !std::mem::replace(&mut is_noticed, true) {
                self.progress.notice("another process works on a rebuild, or stopped a moment ago; waiting for it");
            }
            tokio::select! {
                () = self.interrupt.requested() => return Err(Stopped::Interrupted),
                () = tokio::time::sleep(RETRY_EVERY) => {}
            }
        }
    }
}

/// Begins a rebuild. One that another process works on is returned as unfinished, to be followed.
async fn begin_or_find(rebuilder: &Rebuilder, request: &RebuildRequest<'_>) -> Result<RebuildPlan, RebuildError> {
    match rebuilder.begin(request).await {
        Err(RebuildError::AlreadyRunning) => match rebuilder.unfinished().await? {
            Some(plan) => Err(RebuildError::Unfinished(Box::new(plan))),
            None => Err(RebuildError::AlreadyRunning),
        },
        result => result,
    }
}

fn started(plan: &RebuildPlan, clock: &dyn Clock) -> String {
    let indices: Vec<&str> = plan.targets.iter().map(|target| target.to.as_str()).collect();
    let wait_ms = (plan.scan_from.millis() - clock.now().millis()).max(0);
    let indices = indices.join(", ");
    if wait_ms == 0 {
        return format!("rebuilding into {indices}");
    }
    let seconds = (wait_ms + 999) / 1000;
    format!("rebuilding into {indices}; reading events in {seconds} s, when every projection function writes there too")
}
