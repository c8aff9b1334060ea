//! Long bodies: compressed, and cut into parts if they are longer than an item may be.
//!
//! A body of any size comes back whole or as an error. One that is short enough is part of its item
//! and costs no request. Otherwise each part costs one request to write, and all together one to read.

use std::io;

use annals_application::ports::PortError;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use uuid::Uuid;

use super::items::{Item, ItemKey, StateTable, number, text};
use super::table::LISTED;
use crate::zstd_frame::{NO_DICTIONARY, decompressed, stated_size};

/// The largest body in one item: DynamoDB allows 400 KB, names and keys included.
const LARGEST: usize = 350 * 1024;

/// The largest body in a listed item. The list's index counts it towards the item's 400 KB a second
/// time, and everybody who reads the list reads the body too.
const LARGEST_LISTED: usize = 64 * 1024;

const LEVEL: i32 = 3;

/// The largest size that is allocated because a body states it. A body that states a larger one, as a damaged one may,
/// or none, as those of earlier releases, is decompressed piece by piece.
const MAX_STATED_BYTES: usize = 4 * 1024 * 1024;

const BODY: &str = "body";
const PARTS: &str = "parts";
const PARTS_AT: &str = "parts_at";

/// Enough for any number of parts: a few hundred are more than a hundred megabytes.
const PART_DIGITS: usize = 6;

pub(super) fn pack(bytes: &[u8]) -> io::Result<Vec<u8>> {
    zstd::bulk::compress(bytes, LEVEL)
}

pub(super) fn unpack(bytes: &[u8]) -> io::Result<Vec<u8>> {
    match stated_size(bytes, MAX_STATED_BYTES) {
        Some(size) => decompressed(&NO_DICTIONARY, bytes, size, <[u8]>::to_vec),
        None => zstd::decode_all(bytes),
    }
}

pub(super) fn binary(bytes: impl Into<Vec<u8>>) -> AttributeValue {
    AttributeValue::B(Blob::new(bytes))
}

impl StateTable {
    /// The item with a body. `owner` is the prefix of the parts' key, if there must be any.
    pub(super) async fn with_body(&self, item: Item, owner: &str, body: &[u8]) -> Result<Item, PortError> {
        let packed = pack(body).map_err(|error| self.rejected(error))?;
        let largest = if item.text(LISTED).is_some() { LARGEST_LISTED } else { LARGEST };
        if packed.len() <= largest {
            return Ok(item.with(BODY, binary(packed)));
        }
        // Named by its content, so that the parts of two bodies are never mixed.
        let at = format!("{owner}#{}", Uuid::new_v5(&Uuid::nil(), &packed).simple());
        let keys = part_keys(&at, packed.len().div_ceil(LARGEST));
        for (key, part) in keys.iter().zip(packed.chunks(LARGEST)) {
            self.put(Item::at(key).with(BODY, binary(part))).await?;
        }
        Ok(item.with(PARTS, number(keys.len())).with(PARTS_AT, text(at)))
    }

    /// The item's body; an error of kind `Corrupt` if it is damaged or a part is missing.
    pub(super) async fn body(&self, item: &Item) -> Result<Vec<u8>, PortError> {
        if let Some(packed) = item.bytes(BODY) {
            return unpack(packed).map_err(|error| self.corrupt(&item.key(), error));
        }
        let packed =
            self.parts(item).await?.ok_or_else(|| self.corrupt(&item.key(), "a part of its body is missing"))?;
        unpack(&packed).map_err(|error| self.corrupt(&item.key(), error))
    }

    async fn parts(&self, item: &Item) -> Result<Option<Vec<u8>>, PortError> {
        let count = item.number(PARTS).and_then(|count| usize::try_from(count).ok());
        let (Some(at), Some(count)) = (item.text(PARTS_AT), count) else { return Ok(None) };
        let mut parts = self.get_all(&part_keys(at, count)).await?;
        parts.sort_by_key(|part| part.key().sk);
        let bytes: Vec<&[u8]> = parts.iter().filter_map(|part| part.bytes(BODY)).collect();
        Ok((bytes.len() == count).then(|| bytes.concat()))
    }
}

fn part_keys(at: &str, count: usize) -> Vec<ItemKey> {
    (0..count).map(|part| ItemKey::new(at, format!("{part:0PART_DIGITS$}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_of_any_size_is_unpacked_also_one_of_an_earlier_release() {
        for size in [0, 1, 5_000, MAX_STATED_BYTES, MAX_STATED_BYTES + 1] {
            let body: Vec<u8> = (0..size).map(|index| (index % 251) as u8).collect();
            let earlier = zstd::encode_all(&*body, LEVEL).expect("it compresses");
            for packed in [pack(&body).expect("it compresses"), earlier] {
                assert!(unpack(&packed).expect("it is whole") == body, "{size}");
            }
        }
    }

    #[test]
    fn a_damaged_body_is_an_error_and_the_next_is_unpacked() {
        let packed = pack(&[7; 5_000]).expect("it compresses");
        unpack(&packed[..packed.len() - 1]).expect_err("its end is missing");
        unpack(b"no zstd frame").expect_err("it is another format");
        // Four bytes of magic, a descriptor for a size of eight bytes, and a size of 2^60.
        let bomb = [0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0x01, 0, 0];
        unpack(&bomb).expect_err("its size is out of range");
        assert_eq!(unpack(&packed).expect("it is whole"), [7; 5_000]);
    }
}
