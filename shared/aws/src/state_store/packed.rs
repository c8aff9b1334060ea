//! Long bodies: compressed, and cut into parts where they pass the size of an item.
//!
//! Promises that a body of any size comes back whole or not at all. One that fits its item costs
//! no request of its own; else its parts cost one each to write, and one together to read.

use annals_application::ports::PortError;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use uuid::Uuid;

use crate::state_store::items::{Item, Place, Table, number, text};
use crate::state_store::table::LISTED;

/// An item may have 400 KB with all its names and keys; what is left over is for those.
const LARGEST: usize = 350 * 1024;

/// What a list's index holds of an item counts towards the same 400 KB, so that a listed item may
/// have half of it. Less, since whoever reads the list reads it too.
const LARGEST_LISTED: usize = 64 * 1024;

const LEVEL: i32 = 3;

const BODY: &str = "body";
const PARTS: &str = "parts";
const PARTS_AT: &str = "parts_at";

/// A few hundred parts are more than a hundred megabytes.
const PART_DIGITS: usize = 6;

pub(crate) fn pack(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    zstd::encode_all(bytes, LEVEL)
}

pub(crate) fn unpack(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    zstd::decode_all(bytes)
}

pub(crate) fn binary(bytes: impl Into<Vec<u8>>) -> AttributeValue {
    AttributeValue::B(Blob::new(bytes))
}

impl Table {
    /// The item with a body. `owner` begins the key of the parts, where there have to be any.
    pub(crate) async fn with_body(&self, item: Item, owner: &str, body: &[u8]) -> Result<Item, PortError> {
        let packed = pack(body).map_err(|error| self.rejected(error))?;
        let largest = if item.text(LISTED).is_some() { LARGEST_LISTED } else { LARGEST };
        if packed.len() <= largest {
            return Ok(item.with(BODY, binary(packed)));
        }
        // By its content: the parts of one body are never mixed with those of another.
        let at = format!("{owner}#{}", Uuid::new_v5(&Uuid::nil(), &packed).simple());
        let places = places(&at, packed.len().div_ceil(LARGEST));
        for (place, part) in places.iter().zip(packed.chunks(LARGEST)) {
            self.put(Item(place.key()).with(BODY, binary(part))).await?;
        }
        Ok(item.with(PARTS, number(places.len())).with(PARTS_AT, text(at)))
    }

    /// The item's body; an error of the kind `Corrupt` where it is damaged or in part missing.
    pub(crate) async fn body(&self, item: &Item) -> Result<Vec<u8>, PortError> {
        if let Some(packed) = item.bytes(BODY) {
            return unpack(packed).map_err(|error| self.corrupt(&item.place(), error));
        }
        let packed = self.parts(item).await?.ok_or_else(|| self.corrupt(&item.place(), "its body is not whole"))?;
        unpack(&packed).map_err(|error| self.corrupt(&item.place(), error))
    }

    async fn parts(&self, item: &Item) -> Result<Option<Vec<u8>>, PortError> {
        let count = item.number(PARTS).and_then(|count| usize::try_from(count).ok());
        let (Some(at), Some(count)) = (item.text(PARTS_AT), count) else { return Ok(None) };
        let mut parts = self.get_all(&places(at, count)).await?;
        parts.sort_by_key(|part| part.place().sk);
        let bytes: Vec<&[u8]> = parts.iter().filter_map(|part| part.bytes(BODY)).collect();
        Ok((bytes.len() == count).then(|| bytes.concat()))
    }
}

fn places(at: &str, count: usize) -> Vec<Place> {
    (0..count).map(|part| Place::new(at, format!("{part:0PART_DIGITS$}"))).collect()
}
