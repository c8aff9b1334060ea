//! The file of an export in its format.

use std::io::Write;

use super::columns::Column;
use super::csv_file::CsvFile;
use super::entity::EntityRow;
use super::file::ExportFile;
use crate::arguments::{Export, Format};
use crate::exit::Failure;

pub(crate) enum Sink {
    Csv(Box<CsvFile<ExportFile>>),
    Ndjson(ExportFile),
}

impl Sink {
    /// JSON lines have no columns.
    pub(crate) fn new(export: &Export, file: ExportFile, columns: Vec<Column>) -> Result<Self, Failure> {
        Ok(match export.format {
            Format::Csv => Self::Csv(Box::new(CsvFile::new(file, columns, export.raw)?)),
            Format::Ndjson => Self::Ndjson(file),
        })
    }

    pub(crate) fn add(&mut self, row: &EntityRow) -> Result<(), Failure> {
        match self {
            Self::Csv(file) => file.add(&row.json),
            Self::Ndjson(file) => {
                let written = writeln!(file, "{}", row.json.get());
                written.map_err(|error| Failure::new(format!("cannot write the entities: {error}")))
            }
        }
    }

    pub(crate) fn finish(self) -> Result<(), Failure> {
        match self {
            Self::Csv(file) => file.finish()?.finish(),
            Self::Ndjson(file) => file.finish(),
        }
    }
}
