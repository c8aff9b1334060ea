//! `audit`: compares the records of a type with those of its CRM, field by field. Ends with 1 if something differs.

use annals_application::audit::{AuditReport, AuditRequest, RecordDifference};
use indicatif::{ProgressBar, ProgressDrawTarget};
use serde_json::json;

use crate::arguments::{Audit, Shared};
use crate::crm::required_connections;
use crate::exit::{Exit, Failure};
use crate::open::open_auditor;
use crate::output::Out;

/// The differences that are printed; the JSON has all.
const MAX_LINES: usize = 100;

pub(crate) async fn run(shared: &Shared, arguments: &Audit) -> Result<Exit, Failure> {
    let auditor = open_auditor(shared, &arguments.publish, required_connections().await?).await?;
    let objects = auditor.objects(&arguments.entity_type);
    if objects.is_empty() {
        let message = format!("no entity type `{}` at a connected CRM", arguments.entity_type);
        return Err(Failure::usage(message));
    }
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let request = AuditRequest { sample: arguments.sample, repair: arguments.repair };
    let mut reports = Vec::new();
    for object in &objects {
        let mut progress = |report: &AuditReport| bar.set_position(report.compared);
        let report = auditor.audit(object, request, &mut progress).await;
        reports.push(report.map_err(|error| Failure::because(&error))?);
    }
    bar.finish_and_clear();
    print(shared, arguments, &reports)?;
    let is_equal = reports.iter().all(|report| report.different.is_empty());
    Ok(if is_equal { Exit::Success } else { Exit::Problems })
}

fn print(shared: &Shared, arguments: &Audit, reports: &[AuditReport]) -> Result<(), Failure> {
    let mut out = Out::stdout(shared.no_color);
    if arguments.json {
        out.line(format_args!("{:#}", json!(reports)));
        return out.finish();
    }
    for report in reports {
        let repaired = if arguments.repair { format!(", {} repaired", report.repaired) } else { String::new() };
        out.line(format_args!(
            "{}: {} records compared, {} differ{repaired}, {} changed meanwhile",
            report.entity_name,
            report.compared,
            report.different.len(),
            report.changing
        ));
        for difference in report.different.iter().take(MAX_LINES) {
            out.line(format_args!("  {}", line_of(difference)));
        }
        let left = report.different.len().saturating_sub(MAX_LINES);
        if left > 0 {
            out.line(format_args!("  and {left} more: --json names all"));
        }
        if !report.not_shown.is_empty() {
            out.line(format_args!("  not compared, since the CRM does not show them: {}", report.not_shown.join(", ")));
        }
    }
    out.finish()
}

fn line_of(difference: &RecordDifference) -> String {
    let names = |fields: &std::collections::BTreeSet<String>| fields.iter().cloned().collect::<Vec<_>>().join(", ");
    let mut line = difference.external_id.as_str().to_owned();
    if !difference.fields.is_empty() {
        line.push_str(&format!(": {}", names(&difference.fields)));
    }
    if !difference.document_fields.is_empty() {
        line.push_str(&format!(": shown otherwise than stored: {}", names(&difference.document_fields)));
    }
    line
}
