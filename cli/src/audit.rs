//! `audit`: compares the records of a type with those of its CRM, field by field. Ends with 1 if something differs.

use annals_application::audit::{AuditReport, AuditRequest, RecordDifference};
use annals_domain::identity::{EntityName, Provider};
use annals_sqlite::process::{LocalProcess, ProjectionTiming};
use indicatif::{ProgressBar, ProgressDrawTarget};
use serde_json::json;

use crate::arguments::{Audit, Shared, Target};
use crate::crm::required_connections;
use crate::exit::{Exit, Failure};
use crate::open::{local_to_write, require_database};
use crate::output::Out;

/// The differences that are printed; the JSON has all.
const MAX_LINES: usize = 100;

pub(crate) async fn run(shared: &Shared, arguments: &Audit) -> Result<Exit, Failure> {
    if shared.on_aws.target == Target::Aws {
        return Err(Failure::usage("`audit` compares a database on this machine").hint("leave out --target aws"));
    }
    require_database(shared)?;
    let connections = required_connections().await?;
    let process = local_to_write(shared, &arguments.publish, ProjectionTiming::BeforeAnswer).await?;
    let objects = objects(&process, &arguments.entity_type, connections.providers().collect())?;
    let auditor = process.auditor(connections);
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

/// The objects of a type, or of all types, at the connected CRMs.
fn objects(
    process: &LocalProcess,
    name: &str,
    providers: Vec<Provider>,
) -> Result<Vec<(Provider, EntityName)>, Failure> {
    let definitions = process.catalog.definitions().iter();
    let is_named = |definition: &&std::sync::Arc<annals_domain::definition::EntityDefinition>| {
        let is_object = definition.objects.values().any(|object| object.as_str() == name);
        name == "all" || is_object || definition.plural == name || definition.aggregate_type.as_str() == name
    };
    let objects = definitions.filter(is_named).flat_map(|definition| definition.objects.clone());
    let objects: Vec<_> = objects.filter(|(provider, _)| providers.contains(provider)).collect();
    if objects.is_empty() {
        return Err(Failure::usage(format!("no entity type `{name}` at a connected CRM")));
    }
    Ok(objects)
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
