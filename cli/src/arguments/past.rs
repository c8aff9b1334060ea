//! The arguments that name moments of an entity.

use annals_application::queries::{DiffPoint, HistoryOrder, HistoryRequest, MomentRequest, timestamp_or_day_end};
use annals_domain::timestamp::Timestamp;
use clap::Args;

use super::{Entity, Page};

#[derive(Debug, Args)]
pub(crate) struct Get {
    #[command(flatten)]
    pub(crate) entity: Entity,
    #[command(flatten)]
    pub(crate) moment: Moment,
    /// Show what is behind each field: the event, the user, the CRM's field and its raw value
    #[arg(long)]
    pub(crate) explain: bool,
    /// Print JSON, which is the default without --explain
    #[arg(long)]
    pub(crate) json: bool,
}

/// A moment by both clocks, or by version.
#[derive(Debug, Args)]
pub(crate) struct Moment {
    /// Only events that the CRM committed at this time or earlier
    #[arg(long, value_name = "TIME|DATE", value_parser = time)]
    pub(crate) as_of: Option<Timestamp>,
    /// Only events that were recorded at this time or earlier
    #[arg(long, value_name = "TIME|DATE", value_parser = time)]
    pub(crate) known_at: Option<Timestamp>,
    /// Only events up to this version
    #[arg(long, value_name = "N", conflicts_with_all = ["as_of", "known_at"], value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) version: Option<u64>,
}

impl Moment {
    /// The moment; `None` if no argument names one.
    pub(crate) fn request(&self) -> Option<MomentRequest> {
        let request = MomentRequest { as_of: self.as_of, known_at: self.known_at, version: self.version };
        (request != MomentRequest::default()).then_some(request)
    }
}

#[derive(Debug, Args)]
pub(crate) struct History {
    #[command(flatten)]
    pub(crate) entity: Entity,
    /// Only events that changed one of these fields, separated by commas
    #[arg(long, value_name = "FIELD,…", value_delimiter = ',')]
    pub(crate) field: Vec<String>,
    /// Only events that the CRM committed at this time or later; a date is its beginning in UTC
    #[arg(long, value_name = "TIME|DATE", value_parser = day_start)]
    pub(crate) since: Option<Timestamp>,
    /// Only events that the CRM committed at this time or earlier; a date is its end in UTC
    #[arg(long, value_name = "TIME|DATE", value_parser = time)]
    pub(crate) until: Option<Timestamp>,
    /// Show the newest version first
    #[arg(long)]
    pub(crate) newest_first: bool,
    #[command(flatten)]
    pub(crate) page: Page,
    /// Include the stored inputs as they were received
    #[arg(long)]
    pub(crate) raw: bool,
    /// Print the page as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

impl History {
    pub(crate) fn request(&self) -> HistoryRequest {
        let order = if self.newest_first { HistoryOrder::Descending } else { HistoryOrder::Ascending };
        HistoryRequest {
            page: self.page.page,
            cursor: None,
            page_size: self.page.page_size,
            from_date: self.since,
            to_date: self.until,
            fields: self.field.clone(),
            order,
            raw: self.raw,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Diff {
    #[command(flatten)]
    pub(crate) entity: Entity,
    /// The moment before: a time or date of the CRM's clock, or version:N
    #[arg(long, value_name = "TIME|DATE|version:N")]
    pub(crate) from: DiffPoint,
    /// The moment after [default: now]
    #[arg(long, value_name = "TIME|DATE|version:N")]
    pub(crate) to: Option<DiffPoint>,
    /// Print the difference as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// A time, or a date in UTC, which stands for its first millisecond.
fn day_start(text: &str) -> Result<Timestamp, String> {
    let day = format!("{text}T00:00:00Z");
    if text.len() == "2024-04-09".len() { time(&day) } else { time(text) }
}

/// A time, or a date in UTC, which stands for its last millisecond.
pub(crate) fn time(text: &str) -> Result<Timestamp, String> {
    let expected = || "expected a timestamp such as 2024-04-09T20:19:25Z, or a date in UTC".to_owned();
    timestamp_or_day_end(text).ok_or_else(expected)
}
