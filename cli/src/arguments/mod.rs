//! The command line: arguments, their defaults and their environment variables.
//!
//! Invalid arguments are refused before anything is opened, with exit code 2.

mod aws;
mod conflicts;
mod export;
mod past;
mod quarantine;

use std::convert::Infallible;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use annals_application::queries::{FilterRequest, InvalidFilter};
use annals_application::sync::SyncSchedule;
use annals_domain::identity::Provider;
use annals_domain::timestamp::Timestamp;
use annals_sqlite::process::{ProcessSettings, PublishTo};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

pub(crate) use self::aws::{OnAws, Target};
pub(crate) use self::export::{Export, Format};
pub(crate) use self::past::{Diff, Get, History};
pub(crate) use self::quarantine::{Quarantine, StateFilter};
use crate::exit::Failure;

/// Stores every change event of your CRMs and serves the current state and the history of each record
#[derive(Debug, Parser)]
#[command(
    name = "annals",
    version,
    propagate_version = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) shared: Shared,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Arguments of every command.
#[derive(Debug, Args)]
pub(crate) struct Shared {
    /// The database file
    #[arg(long, global = true, env = "ANNALS_DB", value_name = "FILE", default_value = "annals.db")]
    pub(crate) db: PathBuf,
    /// A folder of entity definitions, in place of the built-in ones
    #[arg(long, global = true, env = "ANNALS_ENTITIES", value_name = "DIR")]
    pub(crate) entities: Option<PathBuf>,
    /// The id of the Salesforce org; events of other orgs are quarantined
    #[arg(long, global = true, env = "ANNALS_SALESFORCE_ORG", value_name = "ID")]
    pub(crate) salesforce_org: Option<String>,
    /// What to log to stderr: error, warn, info, debug, trace, or directives such as annals=debug
    #[arg(long, global = true, env = "ANNALS_LOG", value_name = "LEVEL", default_value = "warn")]
    pub(crate) log: String,
    /// Print without colours, even on a terminal
    #[arg(long, global = true, env = "NO_COLOR", hide_env = true, value_parser = is_set)]
    pub(crate) no_color: bool,
    #[command(flatten)]
    pub(crate) on_aws: OnAws,
}

impl Arguments {
    /// Reads a command line, the program's name first. If it does not parse, or asks for help, this prints the
    /// message and ends the process.
    pub(crate) fn read(words: impl IntoIterator<Item: Into<OsString> + Clone>) -> Result<Self, Failure> {
        let matches = Self::command().get_matches_from(words);
        let arguments = Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
        conflicts::check(&arguments, &matches)?;
        Ok(arguments)
    }
}

/// By the convention of `NO_COLOR` any text but an empty one sets it. `false` is clap's value of a flag that is not
/// given.
fn is_set(text: &str) -> Result<bool, Infallible> {
    Ok(!matches!(text, "" | "false"))
}

impl Shared {
    /// The settings of a local process that publishes to `publish`.
    pub(crate) fn settings(&self, publish: PublishTo) -> ProcessSettings {
        ProcessSettings {
            db: self.db.clone(),
            entities: self.entities.clone(),
            salesforce_org: self.salesforce_org.clone(),
            publish,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Ingest files and folders of change events, then serve the HTTP API
    Serve(Serve),
    /// Ingest files and folders of change events, or stdin
    Ingest(Ingest),
    /// Show an entity, now or as it was
    // `--version` names a version of the entity here.
    #[command(disable_version_flag = true)]
    Get(Get),
    /// List and search entities
    List(List),
    /// Show the history of an entity, event by event
    History(History),
    /// Show what differs between two moments of an entity, and who made it so
    Diff(Diff),
    /// Write every entity of a type to a file, as it is now or as it was
    Export(Export),
    /// Show, redrive or dismiss inputs that could not become events
    Quarantine {
        #[command(subcommand)]
        command: Quarantine,
    },
    /// Replay all events into a new read model, with the current definitions
    Rebuild(Rebuild),
    /// Check the connection to a CRM, and say what to do: credentials, rights, objects, change data capture
    Connect(Connect),
    /// Read the records of a type from their CRM, and show, pause, resume or cancel that
    Backfill(Backfill),
    /// Compare the records of a type with those of their CRM, field by field
    Audit(Audit),
    /// Check everything that the installation depends on, and say what to do
    Doctor(Doctor),
}

/// Where to publish changes.
#[derive(Debug, Args)]
pub(crate) struct Publish {
    /// Where to publish changed entities as JSON lines: a file, `-` for stdout, or `none` [default:
    /// the name of the database file with .published.jsonl]
    #[arg(long, env = "ANNALS_PUBLISH", value_name = "FILE|-|none")]
    publish: Option<PathBuf>,
}

impl Publish {
    /// By default a file beside the database.
    pub(crate) fn to(&self, db: &Path) -> PublishTo {
        match &self.publish {
            None => PublishTo::File(db.with_extension("published.jsonl")),
            Some(path) if path == Path::new("-") => PublishTo::Stdout,
            Some(path) if path == Path::new("none") => PublishTo::Nowhere,
            Some(path) => PublishTo::File(path.clone()),
        }
    }

    /// Whether published events go to stdout.
    pub(crate) fn uses_stdout(&self) -> bool {
        self.publish.as_deref() == Some(Path::new("-"))
    }
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Files and folders to ingest first
    pub(crate) paths: Vec<PathBuf>,
    /// The address to listen on; any but a loopback address needs --token-file
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    /// A file of tokens, a line each; every request then needs one of them
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Try it without an org: an org in memory is read, and its changes are ingested; needs a new database
    #[arg(long)]
    pub(crate) demo_crm: bool,
    /// Read what was modified every so often, and everything once a day: of all types of a CRM, or of one type, as in
    /// salesforce=5m,contracts=1h
    #[arg(long, env = "ANNALS_SYNC", value_name = "CRM|TYPE=INTERVAL,…")]
    pub(crate) sync: Option<SyncSchedule>,
    #[command(flatten)]
    pub(crate) publish: Publish,
}

#[derive(Debug, Args)]
pub(crate) struct Backfill {
    /// The entity type: plural, singular, or the provider's object; or all
    #[arg(value_name = "TYPE|all")]
    pub(crate) entity_type: String,
    #[arg(value_enum, default_value = "run")]
    pub(crate) action: BackfillAction,
    /// Read only what was modified since that time, such as 2024-04-09T20:19:25Z
    #[arg(long, value_name = "TIME", conflicts_with = "ids")]
    pub(crate) since: Option<Timestamp>,
    /// Read only the records with these ids, separated by commas
    #[arg(long, value_delimiter = ',')]
    pub(crate) ids: Vec<String>,
    /// The number of records in a page, 1 to 2000
    #[arg(long, value_name = "RECORDS", default_value = "500")]
    pub(crate) page_size: Option<u64>,
    /// Only request it
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// Print the jobs as JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) publish: Publish,
}

/// What to do with the backfill of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BackfillAction {
    /// Request it and run it to its end
    Run,
    /// Show how far it is
    Status,
    /// Stop it after the current page
    Pause,
    /// Let it go on; a job that asks about deletions takes that as a yes
    Resume,
    /// End it
    Cancel,
}

#[derive(Debug, Args)]
pub(crate) struct Audit {
    /// The entity type: plural, singular, or the provider's object; or all
    #[arg(value_name = "TYPE|all")]
    pub(crate) entity_type: String,
    /// Compare so many records instead of all; deletions are then not looked for
    #[arg(long, value_name = "RECORDS")]
    pub(crate) sample: Option<u64>,
    /// Store what differs as the CRM has it
    #[arg(long)]
    pub(crate) repair: bool,
    /// Print the reports as JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) publish: Publish,
}

#[derive(Debug, Args)]
pub(crate) struct Ingest {
    /// Files, folders (their *.json, *.jsonl and *.ndjson files, at any depth), or - for stdin
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// The provider of the events: salesforce, hubspot or pipedrive [default: detected from the input]
    #[arg(long)]
    pub(crate) provider: Option<Provider>,
    /// Print a JSON line for each record to stdout, and a last one with the summary
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) publish: Publish,
}

#[derive(Debug, Args)]
pub(crate) struct Entity {
    /// The entity's type: plural, singular, or the provider's object
    #[arg(value_name = "TYPE")]
    pub(crate) entity_type: String,
    /// The record's id in its CRM, or the aggregate id
    pub(crate) id: String,
}

#[derive(Debug, Args)]
pub(crate) struct Page {
    /// The page number, from 1
    #[arg(long, value_name = "N")]
    pub(crate) page: Option<u64>,
    /// Results per page, 1 to 200 [default: 20]
    #[arg(long, value_name = "N")]
    pub(crate) page_size: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// The entities' type: plural, singular, or the provider's object
    #[arg(value_name = "TYPE")]
    pub(crate) entity_type: String,
    /// Words to search for; all must occur in the searchable fields
    #[arg(long, value_name = "TERM")]
    pub(crate) search: Option<String>,
    /// Only entities whose field has this value, or compares with it by an operator: eq, ne, in, gt, gte, lt, lte,
    /// contains, prefix, exists; repeatable, all must match
    #[arg(long = "filter", value_name = "FIELD=VALUE|FIELD:OPERATOR:VALUE", value_parser = filter)]
    pub(crate) filters: Vec<FilterRequest>,
    /// Fields to sort by, separated by commas, - for descending [default: -created_at]
    #[arg(long, allow_hyphen_values = true)]
    pub(crate) sort: Option<String>,
    /// Only these fields, separated by commas
    #[arg(long, value_name = "FIELDS")]
    pub(crate) fields: Option<String>,
    #[command(flatten)]
    pub(crate) page: Page,
    /// The page after another one: its cursor as `--json` shows it, or empty to start a walk of any length
    #[arg(long, conflicts_with = "page")]
    pub(crate) cursor: Option<String>,
    /// Include deleted entities
    #[arg(long)]
    pub(crate) include_deleted: bool,
    /// Print the page as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `FIELD=VALUE` or `FIELD:OPERATOR:VALUE`: the first `=` or `:` decides, since a value may have both.
fn filter(text: &str) -> Result<FilterRequest, String> {
    match text.find(['=', ':']).filter(|at| *at > 0) {
        Some(at) if text[at..].starts_with('=') => Ok(FilterRequest::equals(&text[..at], &text[at + 1..])),
        Some(_) => text.parse().map_err(|error: InvalidFilter| error.to_string()),
        None => Err("expected FIELD=VALUE or FIELD:OPERATOR:VALUE, such as status=Active or amount:gte:100".to_owned()),
    }
}

#[derive(Debug, Args)]
pub(crate) struct Rebuild {
    /// The entity type: plural, singular, or the provider's object; or all. A database on this
    /// machine is always rebuilt as a whole
    #[arg(value_name = "TYPE|all", default_value = "all")]
    pub(crate) entity_type: String,
    /// Only start the rebuild; the backfill function continues it
    #[arg(long, help_heading = "On AWS")]
    pub(crate) detach: bool,
    /// Give up the unfinished rebuild: its new index is removed, the index in use stays
    #[arg(long, help_heading = "On AWS", conflicts_with_all = ["detach", "leave_out_failed"])]
    pub(crate) abandon: bool,
    /// Switch to the new index even if it lacks records of the old one that could not be rebuilt
    #[arg(long, help_heading = "On AWS")]
    pub(crate) leave_out_failed: bool,
    /// How long to wait before the table is scanned, until every projection function knows of the
    /// rebuild [default: 80]; set a lower value only if none runs
    #[arg(long, value_name = "SECONDS", help_heading = "On AWS")]
    pub(crate) known_after: Option<u64>,
}

impl Rebuild {
    /// The requested type; `None` for all.
    pub(crate) fn one_type(&self) -> Option<&str> {
        Some(self.entity_type.as_str()).filter(|name| *name != "all")
    }
}

/// The CRMs that can be connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ConnectedCrm {
    /// The org of ANNALS_SALESFORCE_URL
    Salesforce,
}

#[derive(Debug, Args)]
pub(crate) struct Connect {
    /// The CRM
    #[arg(value_enum, value_name = "CRM")]
    pub(crate) crm: ConnectedCrm,
    /// Print the checks as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Print the checks as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn no_color_is_set_by_any_text_but_an_empty_one() {
        assert_eq!(["", "false", "0", "1", "x"].map(is_set), [Ok(false), Ok(false), Ok(true), Ok(true), Ok(true)]);
        let no_color = |words: &[&str]| Arguments::parse_from([&["annals"], words].concat()).shared.no_color;
        assert_eq!((no_color(&["rebuild"]), no_color(&["rebuild", "--no-color"])), (false, true));
    }

    #[track_caller]
    fn published(word: Option<&str>, to: &PublishTo) {
        let publish = Publish { publish: word.map(PathBuf::from) };
        assert_eq!(format!("{:?}", publish.to(Path::new("x/annals.db"))), format!("{to:?}"));
    }

    #[test]
    fn changes_are_published_beside_the_database_unless_another_target_is_named() {
        published(None, &PublishTo::File("x/annals.published.jsonl".into()));
        published(Some("-"), &PublishTo::Stdout);
        published(Some("none"), &PublishTo::Nowhere);
        published(Some("out.jsonl"), &PublishTo::File("out.jsonl".into()));
    }
}
