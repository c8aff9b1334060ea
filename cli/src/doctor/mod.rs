//! `doctor`: checks everything that an installation depends on.
//!
//! Prints one line a check, with what to do if something is to be done. Nothing is changed.

pub(crate) mod accounts;
mod check;
mod local;

use serde_json::json;

pub(crate) use self::check::{Check, Verdict};
use crate::arguments::{Doctor, Shared, Target};
use crate::aws;
use crate::exit::{Exit, Failure};
use crate::output::Out;
use crate::style::Paint;
use crate::table::Table;

pub(crate) async fn run(shared: &Shared, doctor: &Doctor) -> Result<Exit, Failure> {
    let checks = match shared.on_aws.target {
        Target::Local => local::checks(shared).await?,
        Target::Aws => Box::pin(aws::doctor_checks(shared)).await?,
    };
    let is_ok = checks.iter().all(|check| check.verdict != Verdict::Wrong);
    let mut out = Out::stdout(shared.no_color);
    if doctor.json {
        let checks: Vec<_> = checks.iter().map(Check::to_json).collect();
        out.line(format_args!("{:#}", json!({ "ok": is_ok, "checks": checks })));
    } else {
        out.table(&table(&checks));
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
