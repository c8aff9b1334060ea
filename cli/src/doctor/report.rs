//! Prints checks as a table or as JSON.

use serde_json::json;

use super::check::{Check, Verdict};
use crate::arguments::Shared;
use crate::exit::{Exit, Failure};
use crate::output::Out;
use crate::style::Paint;
use crate::table::Table;

/// Prints to stdout. The exit code says whether one of the checks is wrong.
pub(crate) fn print(shared: &Shared, checks: &[Check], as_json: bool) -> Result<Exit, Failure> {
    let is_ok = checks.iter().all(|check| check.verdict != Verdict::Wrong);
    let mut out = Out::stdout(shared.no_color);
    if as_json {
        let checks: Vec<_> = checks.iter().map(Check::to_json).collect();
        out.line(format_args!("{:#}", json!({ "ok": is_ok, "checks": checks })));
    } else {
        out.table(&table(checks));
    }
    out.finish()?;
    Ok(if is_ok { Exit::Success } else { Exit::Problems })
}

fn table(checks: &[Check]) -> Table {
    let mut table = Table::new(&["verdict", "check", "found; what to do"]);
    for Check { name, verdict, found, remedy } in checks {
        let text = remedy.as_ref().map_or_else(|| found.clone(), |remedy| format!("{found}; {remedy}"));
        table.row([(verdict.paint(), verdict.as_str().to_owned()), (Paint::Plain, name.clone()), (Paint::Plain, text)]);
    }
    table
}
