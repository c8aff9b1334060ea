//! The arguments of `annals export`.

use std::path::PathBuf;

use annals_domain::timestamp::Timestamp;
use clap::{Args, ValueEnum};

use super::past::time;

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The entities' type: plural, singular, or the provider's object
    #[arg(value_name = "TYPE")]
    pub(crate) entity_type: String,
    /// The entities as they were at this time of the CRM's clock [default: as they are now]
    #[arg(long, value_name = "TIME|DATE", value_parser = time)]
    pub(crate) as_of: Option<Timestamp>,
    /// How to write them
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    pub(crate) format: Format,
    /// The file to write; it is complete or not there [default: stdout]
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Write cells that begin with = + - @ as they are. Otherwise an apostrophe is put in front of a
    /// text that a spreadsheet would read as a formula
    #[arg(long)]
    pub(crate) raw: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A line of names, then a line an entity, as RFC 4180 has it
    Csv,
    /// A JSON object a line
    Ndjson,
}
