//! `doctor`: checks all that an installation depends on.
//!
//! Promises one line a check, with what to do where there is something to do, and that nothing is
//! changed: where a right to write is tried, it is by a write that can never be carried out.

mod announcements;
mod check;
mod credentials;
mod dynamodb;
mod events_table;
mod local;
mod on_aws;
mod open_search;
mod probe;
mod projection;
mod space;
mod state_table;

use serde_json::json;

use self::check::{Check, Verdict};
use crate::arguments::{Doctor, Shared, Target};
use crate::exit::{Exit, Failure};
use crate::output::Out;
use crate::style::Paint;
use crate::table::Table;

/// Runs the command.
pub(crate) async fn run(shared: &Shared, doctor: &Doctor) -> Result<Exit, Failure> {
    let checks = match shared.on_aws.target {
        Target::Local => local::checks(shared).await?,
        Target::Aws => Box::pin(on_aws::checks(shared)).await?,
    };
    let is_well = checks.iter().all(|check| check.verdict != Verdict::Wrong);
    let mut out = Out::stdout(shared.no_color);
    if doctor.json {
        let checks: Vec<_> = checks.iter().map(Check::to_json).collect();
        out.line(format_args!("{:#}", json!({ "ok": is_well, "checks": checks })));
    } else {
        out.table(&table(&checks));
    }
    out.finish()?;
    Ok(if is_well { Exit::Well } else { Exit::Problems })
}

fn table(checks: &[Check]) -> Table {
    let mut table = Table::new(&["verdict", "check", "found; what to do"]);
    for Check { on, verdict, found, remedy } in checks {
        let text = remedy.as_ref().map_or_else(|| found.clone(), |remedy| format!("{found}; {remedy}"));
        table.row([(verdict.paint(), verdict.as_str().to_owned()), (Paint::Plain, on.clone()), (Paint::Plain, text)]);
    }
    table
}
