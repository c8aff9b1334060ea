//! CSV as RFC 4180 has it: a line of names, then a line an entity, with CR LF.
//!
//! A null is an empty cell, a list or an object its JSON. Numbers keep their digits. A spreadsheet reads a cell that
//! begins with = + - @ as a formula, also in quotes; such a text has an apostrophe in front of it, unless it is asked
//! for raw. A number is no formula.

use std::io::Write;

use csv::{Terminator, Writer, WriterBuilder};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::columns::Column;
use crate::exit::Failure;

pub(crate) struct CsvFile<W: Write> {
    to: Writer<W>,
    columns: Vec<Column>,
    is_raw: bool,
}

impl<W: Write> CsvFile<W> {
    /// Writes the line of names.
    pub(crate) fn new(to: W, columns: Vec<Column>, is_raw: bool) -> Result<Self, Failure> {
        let mut to = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(to);
        to.write_record(columns.iter().map(|column| cell(Value::String(column.name.clone()), false, is_raw)))
            .map_err(failed)?;
        Ok(Self { to, columns, is_raw })
    }

    pub(crate) fn add(&mut self, json: &RawValue) -> Result<(), Failure> {
        let entity = serde_json::from_str::<Map<String, Value>>(json.get());
        let mut entity = entity.map_err(|error| Failure::new(format!("an entity is no JSON object: {error}")))?;
        let is_raw = self.is_raw;
        let cells = self.columns.iter().map(|Column { name, is_number }| {
            let value = entity.get_mut(name).map(Value::take).unwrap_or_default();
            cell(value, *is_number, is_raw)
        });
        self.to.write_record(cells).map_err(failed)
    }

    /// Writes what is buffered, and returns the writer below.
    pub(crate) fn finish(self) -> Result<W, Failure> {
        self.to.into_inner().map_err(|error| failed(error.into_error().into()))
    }
}

#[expect(clippy::needless_pass_by_value, reason = "as `map_err` takes it")]
fn failed(error: csv::Error) -> Failure {
    Failure::new(format!("cannot write the entities: {error}"))
}

fn cell(value: Value, is_number: bool, is_raw: bool) -> String {
    let is_number = is_number || value.is_number();
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text,
        other => other.to_string(),
    };
    let is_formula = !is_number && text.starts_with(['=', '+', '-', '@']);
    if is_formula && !is_raw { format!("'{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(is_raw: bool, entities: &[&str]) -> String {
        let column = |name: &str, is_number| Column { name: name.to_owned(), is_number };
        let columns = vec![column("id", false), column("amount", true), column("tags", false)];
        let mut file = CsvFile::new(Vec::new(), columns, is_raw).unwrap();
        for entity in entities {
            file.add(serde_json::from_str(entity).unwrap()).unwrap();
        }
        String::from_utf8(file.finish().unwrap()).unwrap()
    }

    #[test]
    fn cells_are_quoted_where_rfc_4180_asks_for_it() {
        let entities = [r#"{"id":"a,\"b\"\nc","amount":null,"tags":["x","y;z"],"other":1}"#, r#"{"id":""}"#];
        assert_eq!(
            written(false, &entities),
            "id,amount,tags\r\n\"a,\"\"b\"\"\nc\",,\"[\"\"x\"\",\"\"y;z\"\"]\"\r\n,,\r\n"
        );
    }

    #[test]
    fn numbers_keep_their_digits() {
        let entities = [
            r#"{"id":"1","amount":"123456789012345678.90"}"#,
            r#"{"id":"2","amount":9007199254740993}"#,
            r#"{"id":"3","amount":"-0.5"}"#,
        ];
        assert_eq!(
            written(false, &entities),
            "id,amount,tags\r\n1,123456789012345678.90,\r\n2,9007199254740993,\r\n3,-0.5,\r\n"
        );
    }

    #[test]
    fn a_text_that_would_be_a_formula_is_defused_unless_it_is_asked_for_raw() {
        for formula in ["=1+1", "+3021", "-2+3", "@sum"] {
            let entity = format!(r#"{{"id":"{formula}"}}"#);
            assert_eq!(written(false, &[&entity]), format!("id,amount,tags\r\n'{formula},,\r\n"));
            assert_eq!(written(true, &[&entity]), format!("id,amount,tags\r\n{formula},,\r\n"));
        }
    }
}
