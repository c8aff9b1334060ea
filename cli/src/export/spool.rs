//! Entities in a temporary file, for what is known only at the end: their order, or the names of their fields.
//!
//! An entity takes 32 bytes of memory, whatever its size.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};

use annals_domain::identity::AggregateId;
use serde_json::value::RawValue;

use super::entity::EntityRow;

/// Entities that are being collected.
pub(crate) struct Spool {
    file: BufWriter<File>,
    places: Vec<Place>,
    end: u64,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    aggregate_id: AggregateId,
    start: u64,
    length: usize,
}

impl Spool {
    /// The file has no name, and is gone with the process.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { file: BufWriter::new(tempfile::tempfile()?), places: Vec::new(), end: 0 })
    }

    pub(crate) fn add(&mut self, row: &EntityRow) -> io::Result<()> {
        let json = row.json.get().as_bytes();
        self.file.write_all(json)?;
        self.places.push(Place { aggregate_id: row.aggregate_id, start: self.end, length: json.len() });
        self.end += json.len() as u64;
        Ok(())
    }

    /// The entities in the order of their aggregate ids.
    pub(crate) fn sorted(mut self) -> io::Result<impl Iterator<Item = io::Result<EntityRow>>> {
        self.places.sort_by_key(|place| place.aggregate_id);
        let mut file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok(self.places.into_iter().map(move |place| read(&mut file, place)))
    }
}

fn read(file: &mut File, place: Place) -> io::Result<EntityRow> {
    let mut json = vec![0; place.length];
    file.seek(SeekFrom::Start(place.start))?;
    file.read_exact(&mut json)?;
    let json = String::from_utf8(json).map_err(io::Error::other)?;
    let json = RawValue::from_string(json).map_err(io::Error::other)?;
    Ok(EntityRow { aggregate_id: place.aggregate_id, json })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entities_come_back_exactly_and_in_the_order_of_their_ids() {
        let mut spool = Spool::new().unwrap();
        let row = |id: u128, json: &str| EntityRow {
            aggregate_id: AggregateId::from_uuid(uuid::Uuid::from_u128(id)),
            json: RawValue::from_string(json.to_owned()).unwrap(),
        };
        for (id, json) in [(3, "{\"n\":1.10}"), (1, "{}"), (2, "{\"s\":\"é\\u0000\"}")] {
            spool.add(&row(id, json)).unwrap();
        }
        let found: Vec<String> = spool.sorted().unwrap().map(|row| row.unwrap().json.get().to_owned()).collect();
        assert_eq!(found, ["{}", "{\"s\":\"é\\u0000\"}", "{\"n\":1.10}"]);
    }
}
