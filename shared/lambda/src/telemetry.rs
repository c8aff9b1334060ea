//! Logs and metrics of a function, on stdout: JSON lines, and metrics in CloudWatch's embedded metric format.
//!
//! No line has the value of a record's field.

use std::io;

use metrics::{counter, gauge, histogram};
use metrics_cloudwatch_embedded::{Builder, Collector};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

use crate::settings::{Function, Settings};

pub const NAMESPACE: &str = "Annals";

/// The counters. Each is also a metric's name in `template.yaml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    Stored,
    /// Redelivered changes that were stored before.
    Duplicate,
    Quarantined,
    /// Appends that lost a race against another writer.
    Conflict,
    Projected,
    Published,
    Parked,
    /// Unexpected stream records: changes and removals of stored events, and items that are not events.
    ForeignRecords,
    /// First invocations of a process.
    ColdStart,
}

impl Count {
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

    pub fn add(self, count: usize) {
        if count > 0 {
            counter!(self.name()).increment(count as u64);
        }
    }
}

/// The metric of the time from the append of an event to its being searchable, in milliseconds.
pub const LAG: &str = "LagMs";

/// The metric of the records that differed in the last audits.
pub const AUDIT_DIFFERENCES: &str = "AuditDifferences";

/// Writes the number with this and each later invocation of the process.
pub fn record_audit_differences(records: u64) {
    gauge!(AUDIT_DIFFERENCES).set(records as f64);
}

/// How many values of one metric a line of CloudWatch's format may have.
const MAX_VALUES: usize = 100;

/// Records lags. If there are more than a line may have, records the slowest and an even selection of the others:
/// the library would drop the excess and log a warning for each.
pub fn record_lags(mut millis: Vec<i64>) {
    millis.sort_unstable();
    let every = millis.len().div_ceil(MAX_VALUES).max(1);
    for millis in millis.into_iter().rev().step_by(every) {
        histogram!(LAG).record(millis.max(0) as f64);
    }
}

/// Collects metrics until the end of an invocation.
#[derive(Clone, Copy)]
pub struct Meter(&'static Collector);

impl Meter {
    /// Writes the collected metrics as one line.
    pub(crate) fn flush(self, request_id: &str) {
        self.0.set_property("request_id", request_id.to_owned());
        if let Err(error) = self.0.flush(io::stdout()) {
            tracing::warn!(%error, "metrics not written");
        }
    }
}

/// Why logging or metrics cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    #[error(
        "invalid value `{0}` of ANNALS_LOG: expected error, warn, info, debug, trace or directives such as annals=debug"
    )]
    Level(String, #[source] ParseError),
    /// A process can have one collector only.
    #[error("metrics cannot be collected: {0}")]
    Metrics(String),
}

/// The runtime would log each failed invocation a second time, in another format. (A panic is also written to standard
/// error.)
const WITHOUT_RUNTIME_LOG: &str = "lambda_runtime::layers::panic=off";

/// Starts logging and metrics. The dimension of the metrics is the function's name in its account, because one account
/// may have several installations.
pub fn start(function: Function, settings: &Settings) -> Result<Meter, TelemetryError> {
    let level = settings.log.as_str();
    let level_error = |error| TelemetryError::Level(level.to_owned(), error);
    let without_runtime_log = WITHOUT_RUNTIME_LOG.parse().map_err(level_error)?;
    let filter = EnvFilter::try_new(level).map_err(level_error)?.add_directive(without_runtime_log);
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
