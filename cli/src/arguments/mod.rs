//! The command line: its words, their defaults and the environment variables that stand for them.
//!
//! Promises that what does not fit is refused before anything is opened, with exit code 2.

mod contradictions;
mod on_aws;
mod quarantine;

use std::convert::Infallible;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use annals_domain::identity::Provider;
use annals_sqlite::process::{ProcessSettings, PublishTo};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

pub(crate) use self::on_aws::{OnAws, Target};
pub(crate) use self::quarantine::{Quarantine, WhichState};
use crate::exit::Failure;

/// Takes in change events of CRMs, keeps them all, and answers what is and what was.
#[derive(Debug, Parser)]
#[command(
    name = "annals",
    version,
    propagate_version = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub(crate) struct Arguments {
    /// What every command takes.
    #[command(flatten)]
    pub(crate) shared: Shared,
    /// The command.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
pub(crate) struct Shared {
    /// The database
    #[arg(long, global = true, env = "ANNALS_DB", value_name = "FILE", default_value = "annals.db")]
    pub(crate) db: PathBuf,
    /// A folder of entity definitions, in place of the built-in ones
    #[arg(long, global = true, env = "ANNALS_ENTITIES", value_name = "DIR")]
    pub(crate) entities: Option<PathBuf>,
    /// The Salesforce org whose records these are
    #[arg(long, global = true, env = "ANNALS_SALESFORCE_ORG", value_name = "ID")]
    pub(crate) salesforce_org: Option<String>,
    /// What is logged to stderr: error, warn, info, debug, trace, or directives such as annals=debug
    #[arg(long, global = true, env = "ANNALS_LOG", value_name = "LEVEL", default_value = "warn")]
    pub(crate) log: String,
    /// No colours, on a terminal neither
    #[arg(long, global = true, env = "NO_COLOR", hide_env = true, value_parser = is_set)]
    pub(crate) no_color: bool,
    #[command(flatten)]
    pub(crate) on_aws: OnAws,
}

impl Arguments {
    /// Reads the words of a command line, the program's own name first. Where they do not parse, or
    /// ask for help, the process says so and ends here.
    pub(crate) fn read(words: impl IntoIterator<Item: Into<OsString> + Clone>) -> Result<Self, Failure> {
        let matches = Self::command().get_matches_from(words);
        let arguments = Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
        contradictions::refuse(&arguments, &matches)?;
        Ok(arguments)
    }
}

/// By the convention of `NO_COLOR` anything but nothing sets it. `false` is what stands for a flag
/// that is not given.
fn is_set(text: &str) -> Result<bool, Infallible> {
    Ok(!matches!(text, "" | "false"))
}

impl Shared {
    /// The settings of a process that publishes there.
    pub(crate) fn settings(&self, publish: PublishTo) -> ProcessSettings {
        ProcessSettings {
            db: self.db.clone(),
            entities: self.entities.clone(),
            salesforce_org: self.salesforce_org.clone(),
            publish,
        }
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Take in files and folders of change events, then serve the HTTP API
    Serve(Serve),
    /// Take in files and folders of change events, or stdin
    Ingest(Ingest),
    /// Show an entity
    Get(Entity),
    /// List and search entities
    List(List),
    /// Show what became of an entity, event by event
    History(History),
    /// Look into, run again or decide against inputs that were refused
    Quarantine {
        /// What to do.
        #[command(subcommand)]
        command: Quarantine,
    },
    /// Replay all events into a fresh read model, by the definitions of today
    Rebuild(Rebuild),
    /// Check all that the installation depends on, and say what to do
    Doctor(Doctor),
}

/// Where to tell other systems what changed.
#[derive(Debug, Args)]
pub(crate) struct Publish {
    /// Where changed entities are announced as JSON lines: a file, `-` for stdout, or `none`
    /// [default: the database's name with .published.jsonl]
    #[arg(long, env = "ANNALS_PUBLISH", value_name = "FILE|-|none")]
    publish: Option<PathBuf>,
}

impl Publish {
    /// Where to, beside that database unless something else was asked for.
    pub(crate) fn to(&self, db: &Path) -> PublishTo {
        match &self.publish {
            None => PublishTo::File(db.with_extension("published.jsonl")),
            Some(path) if path == Path::new("-") => PublishTo::Stdout,
            Some(path) if path == Path::new("none") => PublishTo::Nowhere,
            Some(path) => PublishTo::File(path.clone()),
        }
    }

    /// Whether stdout is for announcements.
    pub(crate) fn takes_stdout(&self) -> bool {
        self.publish.as_deref() == Some(Path::new("-"))
    }
}

/// `serve`.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Files and folders to take in first
    pub(crate) paths: Vec<PathBuf>,
    /// Where to listen; any address but loopback needs --token-file
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    /// A file of tokens, one of which every request then has to bring
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) publish: Publish,
}

/// `ingest`.
#[derive(Debug, Args)]
pub(crate) struct Ingest {
    /// Files, folders (their *.json, *.jsonl and *.ndjson files, at any depth), or - for stdin
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Whose events they are: salesforce, hubspot or pipedrive [default: told by their form]
    #[arg(long)]
    pub(crate) provider: Option<Provider>,
    /// One JSON line a record on stdout, and a last one that sums up
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) publish: Publish,
}

/// An entity.
#[derive(Debug, Args)]
pub(crate) struct Entity {
    /// The entity's type: plural, singular, or the provider's object
    #[arg(value_name = "TYPE")]
    pub(crate) entity_type: String,
    /// The record's id at its CRM, or the aggregate id
    pub(crate) id: String,
}

/// Which page.
#[derive(Debug, Args)]
pub(crate) struct Page {
    /// The page, from 1
    #[arg(long, value_name = "N")]
    pub(crate) page: Option<u64>,
    /// How many a page: 1 to 200, 20 if not given
    #[arg(long, value_name = "N")]
    pub(crate) page_size: Option<u64>,
}

/// `list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// The entities' type: plural, singular, or the provider's object
    #[arg(value_name = "TYPE")]
    pub(crate) entity_type: String,
    /// Words that must all occur in the searchable fields
    #[arg(long, value_name = "TERM")]
    pub(crate) search: Option<String>,
    /// What a field must be; repeatable, all must hold
    #[arg(long = "filter", value_name = "FIELD=VALUE", value_parser = filter)]
    pub(crate) filters: Vec<(String, String)>,
    /// Fields by comma, - for descending [default: -created_at]
    #[arg(long, allow_hyphen_values = true)]
    pub(crate) sort: Option<String>,
    #[command(flatten)]
    pub(crate) page: Page,
    /// Deleted entities too
    #[arg(long)]
    pub(crate) include_deleted: bool,
    /// The page as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

fn filter(text: &str) -> Result<(String, String), String> {
    let split = text.split_once('=').filter(|(field, _)| !field.is_empty());
    let (field, value) = split.ok_or("FIELD=VALUE would fit, such as status=Active")?;
    Ok((field.to_owned(), value.to_owned()))
}

/// `history`.
#[derive(Debug, Args)]
pub(crate) struct History {
    #[command(flatten)]
    pub(crate) entity: Entity,
    #[command(flatten)]
    pub(crate) page: Page,
    /// The stored inputs too, as they came
    #[arg(long)]
    pub(crate) raw: bool,
    /// The page as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `rebuild`.
#[derive(Debug, Args)]
pub(crate) struct Rebuild {
    /// The entity type: plural, singular, or the provider's object; or all of them. A database of
    /// this machine is rebuilt as a whole
    #[arg(value_name = "TYPE|all", default_value = "all")]
    pub(crate) entity_type: String,
    /// Only begin it: the backfill function does the rest
    #[arg(long, help_heading = "On AWS")]
    pub(crate) detach: bool,
    /// Give up the rebuild that was begun: what it filled is removed, the index that answers stays
    #[arg(long, help_heading = "On AWS", conflicts_with_all = ["detach", "leave_out_failed"])]
    pub(crate) abandon: bool,
    /// Let the new index answer although records that are found now could not be rebuilt, and are not in it
    #[arg(long, help_heading = "On AWS")]
    pub(crate) leave_out_failed: bool,
    /// How long projection functions may take to notice that a rebuild began, before the table is
    /// scanned [default: 80]; lower only where none runs
    #[arg(long, value_name = "SECONDS", help_heading = "On AWS")]
    pub(crate) known_after: Option<u64>,
}

impl Rebuild {
    /// The one type that is asked for, unless all are.
    pub(crate) fn only(&self) -> Option<&str> {
        Some(self.entity_type.as_str()).filter(|name| *name != "all")
    }
}

/// `doctor`.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// The checks as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn no_color_is_set_by_whatever_is_not_empty() {
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
    fn announcements_go_beside_the_database_unless_another_place_is_named() {
        published(None, &PublishTo::File("x/annals.published.jsonl".into()));
        published(Some("-"), &PublishTo::Stdout);
        published(Some("none"), &PublishTo::Nowhere);
        published(Some("out.jsonl"), &PublishTo::File("out.jsonl".into()));
    }
}
