//! `export`: every entity of a type, deleted ones too, now or at a moment, as CSV or JSON lines.
//!
//! Now they come from the read model, as lists do; as of a moment they are folded from the events alone. Entities are
//! written as they are read, in the order of their aggregate ids, so that two exports of the same entities
//! are equal. What is not read in that order, or whose columns are known only at the end, waits in a temporary file. An
//! entity that cannot be read is named, and the others are exported.

mod columns;
mod csv_file;
mod current;
pub(crate) mod entity;
mod file;
mod local_past;
pub(crate) mod objects;
mod sink;
mod spool;

use annals_domain::definition::EntitySchema;
use futures::StreamExt;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use self::columns::{SeenFields, of_schema};
use self::entity::{EntityRow, EntitySource, ExportedEntity};
use self::file::ExportFile;
use self::sink::Sink;
use self::spool::Spool;
use crate::arguments::{Export, Format, Shared, Target};
use crate::aws;
use crate::exit::{Exit, Failure};
use crate::open::open_queries;
use crate::output::notice;
use crate::style::plain;

pub(crate) async fn run(shared: &Shared, export: &Export) -> Result<Exit, Failure> {
    let queries = open_queries(shared).await?;
    let schema = queries.schema(&export.entity_type).await?;
    let source = match (export.as_of, shared.on_aws.target) {
        (None, _) => current::entities(queries, &export.entity_type).await?,
        (Some(as_of), Target::Local) => local_past::entities(shared, queries, &schema, as_of).await?,
        (Some(as_of), Target::Aws) => aws::past_entities(shared, &schema, as_of).await?,
    };
    let file = ExportFile::create(export.output.as_deref())?;
    let bar = bar(source.total);
    let written = write(export, &schema, source, file, &bar).await;
    bar.finish_and_clear();
    let Written { entities, unreadable } = written?;
    notice(format_args!("{entities} entities exported"));
    for (key, reason) in &unreadable {
        notice(format_args!("{}: {}", plain(key), plain(reason)));
    }
    Ok(if unreadable.is_empty() { Exit::Success } else { Exit::Problems })
}

struct Written {
    entities: u64,
    /// The streams that could not be read, each with the reason.
    unreadable: Vec<(String, String)>,
}

async fn write(
    export: &Export,
    schema: &EntitySchema,
    mut source: EntitySource,
    file: ExportFile,
    bar: &ProgressBar,
) -> Result<Written, Failure> {
    let columns = if export.format == Format::Csv { of_schema(schema) } else { Some(Vec::new()) };
    let mut out = match columns {
        Some(columns) if source.is_ordered => Collected::Written(Sink::new(export, file, columns)?),
        columns => {
            let spool = Spool::new().map_err(|error| spool_failed(&error))?;
            Collected::Spooled { spool, file, columns: columns.ok_or_else(SeenFields::default) }
        }
    };
    let mut written = Written { entities: 0, unreadable: Vec::new() };
    while let Some(entity) = source.entities.next().await {
        match entity? {
            ExportedEntity::Entity(row) => {
                out.add(&row)?;
                written.entities += 1;
            }
            ExportedEntity::Unreadable { key, reason } => written.unreadable.push((key, reason)),
        }
        bar.inc(1);
    }
    out.finish(export)?;
    Ok(written)
}

/// Entities that are written already, or wait in a temporary file.
enum Collected {
    Written(Sink),
    Spooled { spool: Spool, file: ExportFile, columns: Result<Vec<columns::Column>, SeenFields> },
}

impl Collected {
    fn add(&mut self, row: &EntityRow) -> Result<(), Failure> {
        match self {
            Self::Written(sink) => sink.add(row),
            Self::Spooled { spool, columns, .. } => {
                if let Err(seen) = columns {
                    seen.see(&row.json)
                        .map_err(|error| Failure::new(format!("an entity is no JSON object: {error}")))?;
                }
                spool.add(row).map_err(|error| spool_failed(&error))
            }
        }
    }

    fn finish(self, export: &Export) -> Result<(), Failure> {
        match self {
            Self::Written(sink) => sink.finish(),
            Self::Spooled { spool, file, columns } => {
                let mut sink = Sink::new(export, file, columns.unwrap_or_else(SeenFields::columns))?;
                for row in spool.sorted().map_err(|error| spool_failed(&error))? {
                    sink.add(&row.map_err(|error| spool_failed(&error))?)?;
                }
                sink.finish()
            }
        }
    }
}

fn spool_failed(error: &std::io::Error) -> Failure {
    Failure::new(format!("cannot use a temporary file: {error}")).hint("TMPDIR names another folder for it")
}

/// On stderr, and only if that is a terminal.
fn bar(total: Option<u64>) -> ProgressBar {
    let template =
        if total.is_some() { "{bar:30} {pos}/{len} entities, {eta} left" } else { "{spinner} {pos} entities" };
    let style = ProgressStyle::with_template(template);
    let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
