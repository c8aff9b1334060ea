//! `backfill`: reads the records of a type, or of all types, from their CRM, and shows how far that is.
//!
//! On this machine the command does the work itself, and Ctrl-C leaves a job that goes on with the next command or with
//! `serve`. On AWS the backfill function does it, and the command watches.

use std::time::Duration;

use annals_application::backfill::{Backfill, BackfillError, BackfillRequest, BackfillStatus};
use annals_application::log_chain;
use annals_application::ports::JobState;
use annals_application::projection::ProjectorSettings;
use annals_application::sync::CrmSync;
use annals_domain::definition::Catalog;
use annals_sqlite::process::ProcessTuning;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use tokio::time::Instant;

use crate::arguments::{Backfill as Arguments, BackfillAction, Shared, Target};
use crate::aws;
use crate::crm::required_connections;
use crate::exit::{Exit, Failure};
use crate::interrupt::Interrupt;
use crate::open::local_to_write;
use crate::output::Out;

/// How often the command looks at a job that another process runs.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// One run of jobs. A job that waits for its CRM is tried again in the next one.
const RUN: Duration = Duration::from_secs(10);
/// The cache of record states, in estimated bytes: a backfill projects most records once.
const CACHED_BYTES: usize = 8 << 20;

pub(crate) async fn run(shared: &Shared, arguments: &Arguments) -> Result<Exit, Failure> {
    match shared.on_aws.target {
        Target::Local => {
            let process = local_to_write(shared, &arguments.publish, tuning()).await?;
            let sync = match arguments.action {
                BackfillAction::Run => Some(process.crm_sync(required_connections().await?, None)),
                _ => None,
            };
            let session = Session { backfill: process.handler.backfill(), sync, catalog: &process.catalog, arguments };
            session.run(shared).await
        }
        Target::Aws => {
            let commands = aws::open_commands(shared).await?;
            let catalog = Catalog::built_in(&commands.adapters).map_err(|error| Failure::because(&error))?;
            let session = Session { backfill: commands.handler.backfill(), sync: None, catalog: &catalog, arguments };
            session.run(shared).await
        }
    }
}

fn tuning() -> ProcessTuning {
    let tuning = ProcessTuning::default();
    ProcessTuning { projector: ProjectorSettings { cached_bytes: CACHED_BYTES, ..tuning.projector }, ..tuning }
}

struct Session<'a> {
    backfill: Backfill,
    /// Runs the jobs in this process; `None` if the command only asks and watches.
    sync: Option<CrmSync>,
    catalog: &'a Catalog,
    arguments: &'a Arguments,
}

impl Session<'_> {
    async fn run(&self, shared: &Shared) -> Result<Exit, Failure> {
        let mut out = Out::stdout(shared.no_color);
        let mut exit = Exit::Success;
        let mut statuses = Vec::new();
        for name in self.types() {
            let Some(status) = self.act(&name).await? else { continue };
            if status.state == JobState::Failed || (self.is_run() && status.state == JobState::Paused) {
                exit = Exit::Problems;
            }
            if !self.arguments.json {
                out.line(line_of(&name, &status));
            }
            statuses.push(status);
        }
        if self.arguments.json {
            out.line(format_args!("{:#}", json!(statuses)));
        }
        out.finish()?;
        Ok(exit)
    }

    fn is_run(&self) -> bool {
        self.arguments.action == BackfillAction::Run
    }

    fn types(&self) -> Vec<String> {
        if self.arguments.entity_type != "all" {
            return vec![self.arguments.entity_type.clone()];
        }
        self.catalog.definitions().iter().map(|definition| definition.plural.clone()).collect()
    }

    /// `None`: `all` includes a type that has no job.
    async fn act(&self, name: &str) -> Result<Option<BackfillStatus>, Failure> {
        let acted = match self.arguments.action {
            BackfillAction::Run => return self.request_and_watch(name).await.map(Some),
            BackfillAction::Status => self.backfill.status(name).await,
            BackfillAction::Pause => self.backfill.pause(name).await,
            BackfillAction::Resume => self.backfill.resume(name).await,
            BackfillAction::Cancel => self.backfill.cancel(name).await,
        };
        match acted {
            Ok(status) => Ok(Some(status)),
            Err(BackfillError::NoJob(_) | BackfillError::Ended { .. }) if self.arguments.entity_type == "all" => {
                Ok(None)
            }
            Err(error) => Err(failure(&error)),
        }
    }

    /// Requests a backfill, or takes the one that has not ended, and watches it until it ends, waits or is paused.
    async fn request_and_watch(&self, name: &str) -> Result<BackfillStatus, Failure> {
        let request = BackfillRequest {
            since: self.arguments.since,
            ids: (!self.arguments.ids.is_empty()).then(|| self.arguments.ids.clone()),
            page_size: self.arguments.page_size,
            ..BackfillRequest::default()
        };
        match self.backfill.request(name, &request).await {
            Ok(status) if self.arguments.no_wait => return Ok(status),
            Ok(_) | Err(BackfillError::NotEnded { .. }) => {}
            Err(error) => return Err(failure(&error)),
        }
        let interrupt = Interrupt::watch()?;
        let bar = bar(name);
        loop {
            let status = self.backfill.status(name).await.map_err(|error| failure(&error))?;
            show(&bar, &status);
            let is_left = matches!(status.state, JobState::Paused) || (self.sync.is_some() && waits(&status));
            if status.state.has_ended() || is_left || interrupt.is_requested() {
                bar.finish_and_clear();
                return Ok(status);
            }
            self.go_on(&bar, name, interrupt.clone()).await?;
        }
    }

    /// Runs jobs for some seconds, or waits for those who do.
    async fn go_on(&self, bar: &ProgressBar, name: &str, mut interrupt: Interrupt) -> Result<(), Failure> {
        let Some(sync) = &self.sync else {
            tokio::time::sleep(LOOK_EVERY).await;
            return Ok(());
        };
        let watching = async {
            loop {
                tokio::time::sleep(Duration::from_millis(200)).await;
                if let Ok(status) = self.backfill.status(name).await {
                    show(bar, &status);
                }
            }
        };
        tokio::select! {
            ran = sync.run(Instant::now() + RUN) => ran.map(drop).map_err(|error| Failure::because(&error)),
            () = watching => Ok(()),
            // What is interrupted goes on at its last checkpoint.
            () = interrupt.requested() => Ok(()),
        }
    }
}

/// Whether a job stopped for a reason that lasts: what failed for a moment has been tried again by the client.
fn waits(status: &BackfillStatus) -> bool {
    status.state == JobState::Waiting
}

fn bar(name: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix} {bar:30} {pos}/{len} records {msg}");
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())).with_prefix(name.to_owned())
}

fn show(bar: &ProgressBar, status: &BackfillStatus) {
    if let Some(total) = status.counts.total {
        bar.set_length(total);
    }
    bar.set_position(status.counts.processed);
    bar.set_message(details(status));
}

/// Rate, time of completion and API use, as far as they are known.
fn details(status: &BackfillStatus) -> String {
    let rate = status.rate.map(|rate| format!("{rate:.0}/s"));
    let eta = status.eta.map(|eta| format!("until {eta}"));
    let usage = status.api_usage.map(|usage| format!("{:.1} % of the API calls used", usage * 100.0));
    [rate, eta, usage].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn line_of(name: &str, status: &BackfillStatus) -> String {
    let counts = status.counts;
    format!(
        "{name}: {}: {} ({} of {} read: {} new, {} changed, {} as known, {} deleted, {} failed)",
        status.state,
        status.reason,
        counts.processed,
        counts.total.map_or_else(|| "?".to_owned(), |total| total.to_string()),
        counts.created,
        counts.updated,
        counts.unchanged,
        counts.deleted,
        counts.failed
    )
}

fn failure(error: &BackfillError) -> Failure {
    match error {
        BackfillError::UnknownType(_) | BackfillError::Rejected(_) => Failure::usage(log_chain(error)),
        _ => Failure::because(error),
    }
}
