//! What a function tells of itself: JSON lines on stdout, and metrics among them in CloudWatch's
//! embedded format.
//!
//! Promises one line an event, and never a record's field value in it.

use std::io;

use metrics::{counter, histogram};
use metrics_cloudwatch_embedded::{Builder, Collector};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

use crate::settings::{Function, Settings};

/// The namespace that the metrics are in.
pub const NAMESPACE: &str = "Annals";

/// What is counted; each is a metric's name in `template.yaml` too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// Events appended.
    Stored,
    /// Changes that were there already.
    Duplicate,
    /// Inputs put into quarantine.
    Quarantined,
    /// Appends that met another writer's event.
    Conflict,
    /// Records brought up.
    Projected,
    /// Announcements made.
    Published,
    /// Records whose projection is parked.
    Parked,
    /// Stream records that no append makes: changes and removals of stored events, or no events.
    ForeignRecords,
    /// Invocations that began a process.
    ColdStart,
}

impl Count {
    /// All.
    pub const ALL: [Self; 9] = [
        Self::Stored,
        Self::Duplicate,
        Self::Quarantined,
        Self::Conflict,
        Self::Projected,
        Self::Published,
        Self::Parked,
        Self::ForeignRecords,
        Self::ColdStart,
    ];

    /// The metric's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stored => "Stored",
            Self::Duplicate => "Duplicate",
            Self::Quarantined => "Quarantined",
            Self::Conflict => "Conflict",
            Self::Projected => "Projected",
            Self::Published => "Published",
            Self::Parked => "Parked",
            Self::ForeignRecords => "ForeignRecords",
            Self::ColdStart => "ColdStart",
        }
    }

    /// Counts so many.
    pub fn add(self, count: usize) {
        if count > 0 {
            counter!(self.name()).increment(count as u64);
        }
    }
}

/// The metric of the time from commit to searchable, in milliseconds.
pub const LAG: &str = "LagMs";

/// How many values of a metric one line of CloudWatch's format holds.
const MOST_VALUES: usize = 100;

/// Notes how long commits took to be searchable. Of more than a line holds, the slowest and others
/// spread evenly below it: what is beyond would be lost, with a complaint for each.
pub fn lags(mut millis: Vec<i64>) {
    millis.sort_unstable();
    let every = millis.len().div_ceil(MOST_VALUES).max(1);
    for millis in millis.into_iter().rev().step_by(every) {
        histogram!(LAG).record(millis.max(0) as f64);
    }
}

/// Where metrics are collected until the end of an invocation.
#[derive(Clone, Copy)]
pub struct Meter(&'static Collector);

impl Meter {
    /// Writes what was collected, as one line.
    pub(crate) fn flush(self, request_id: &str) {
        self.0.set_property("request_id", request_id.to_owned());
        if let Err(error) = self.0.flush(io::stdout()) {
            tracing::warn!(%error, "metrics could not be written");
        }
    }
}

/// Why a process cannot tell of itself.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The level is none.
    #[error("ANNALS_LOG is `{0}`: error, warn, info, debug, trace or directives such as annals=debug would fit")]
    Level(String, #[source] ParseError),
    /// A process can be given one collector only.
    #[error("metrics cannot be collected: {0}")]
    Metrics(String),
}

/// The runtime tells of each failed invocation a second time, in a form of its own. (A panic is told
/// on standard error as well.)
const REPEATED: &str = "lambda_runtime::layers::panic=off";

/// Starts to log and to collect. Metrics go by the function's own name, since more than one
/// installation may be in an account.
pub fn start(function: Function, settings: &Settings) -> Result<Meter, TelemetryError> {
    let level = settings.log.as_str();
    let level_error = |error| TelemetryError::Level(level.to_owned(), error);
    let runtimes_own = REPEATED.parse().map_err(level_error)?;
    let filter = EnvFilter::try_new(level).map_err(level_error)?.add_directive(runtimes_own);
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_span_list(false)
        .with_env_filter(filter)
        .with_writer(io::stdout)
        .with_ansi(false)
        .init();
    let name = settings.function_name.clone().unwrap_or_else(|| function.name().to_owned());
    let builder = Builder::new().cloudwatch_namespace(NAMESPACE).with_dimension("function", name);
    builder.init().map(Meter).map_err(|error| TelemetryError::Metrics(error.to_string()))
}
