//! An event's data: a string, or a binary compressed with zstd if that takes fewer write units.
//!
//! Events are small and similar, so zstd gets a dictionary of the words that they share: those of envelopes, headers
//! and usual fields. With it an event of 1.5 KB takes about 300 bytes instead of 700. Stored events depend on the
//! dictionary, so it must never change; a better one gets its own number and attribute.

use std::cell::Cell;
use std::io;
use std::sync::{Arc, LazyLock};

use serde_dynamo::AttributeValue;
use zstd::bulk::Compressor;
use zstd::dict::{DecoderDictionary, EncoderDictionary};

use super::attributes::Attributes;
use super::names::{DATA, DATA_1, DATA_2};
use super::size::{MAX_ITEM_BYTES, write_units};
use super::{EncodeError, ItemError};
use crate::zstd_frame::{Dictionary, decompressed, stated_size};

/// Below level 5, zstd takes a dictionary's tables for a short text without comparing, so that one in another script, such
/// as Cyrillic, takes more bytes than with tables of its own. Higher levels save less than one per cent more.
const LEVEL: i32 = 5;

/// The words alone. zstd reads them as the text before each event.
const DICTIONARY_1: &[u8] = include_bytes!("dictionary_1.txt");
/// What makes the same words a dictionary in zstd's own format: a number, and tables of how often each byte and length
/// appears in change events (decision 29). A compressed event refers to the tables instead of repeating its own, which saves
/// a sixth of its bytes and two thirds of the time to decompress it.
const TABLES_2: &[u8] = include_bytes!("dictionary_2_tables.bin");

static DECODER_1: Dictionary = LazyLock::new(|| DecoderDictionary::copy(DICTIONARY_1));
static DECODER_2: Dictionary = LazyLock::new(|| DecoderDictionary::copy(&dictionary_2()));
static ENCODER_2: LazyLock<EncoderDictionary<'static>> =
    LazyLock::new(|| EncoderDictionary::copy(&dictionary_2(), LEVEL));

/// The attributes of compressed data with their dictionaries, the newest first.
static DECODERS: [(&str, &Dictionary); 2] = [(DATA_2, &DECODER_2), (DATA_1, &DECODER_1)];

/// More than any accepted input has. Data that claims to be larger is not decompressed.
const MAX_DATA_BYTES: usize = 16 * 1024 * 1024;

fn dictionary_2() -> Vec<u8> {
    [TABLES_2, DICTIONARY_1].concat()
}

/// Adds the data to an item, after all other attributes.
pub(super) fn put(item: &mut Attributes, data: &str) -> Result<(), EncodeError> {
    let rest = item.size();
    let plain = rest + DATA.len() + data.len();
    if data.len() > MAX_DATA_BYTES {
        return Err(EncodeError::TooLarge { size: plain });
    }
    if write_units(plain) > 1 {
        let compressed = compress(data).map_err(EncodeError::Compression)?;
        let size = rest + DATA_2.len() + compressed.len();
        if write_units(size) < write_units(plain) {
            item.put(DATA_2, AttributeValue::B(compressed));
            return check(size);
        }
    }
    item.put(DATA, AttributeValue::S(data.to_owned()));
    check(plain)
}

fn check(size: usize) -> Result<(), EncodeError> {
    if size > MAX_ITEM_BYTES { Err(EncodeError::TooLarge { size }) } else { Ok(()) }
}

pub(super) fn take<V: Into<AttributeValue>>(item: &mut Attributes<V>) -> Result<Arc<str>, ItemError> {
    for (attribute, dictionary) in DECODERS {
        if let Some(compressed) = item.take_bytes_if_present(attribute)? {
            return decompress(attribute, dictionary, &compressed);
        }
    }
    Ok(item.take_text(DATA)?.into())
}

thread_local! {
    /// Reused from event to event: building one takes three to ten times as long as using it.
    static COMPRESSOR: Cell<Option<Compressor<'static>>> = const { Cell::new(None) };
}

fn compress(data: &str) -> io::Result<Vec<u8>> {
    let mut codec = match COMPRESSOR.take() {
        Some(reused) => reused,
        None => Compressor::with_prepared_dictionary(&ENCODER_2)?,
    };
    // A compressor that has failed is not reused.
    let compressed = codec.compress(data.as_bytes())?;
    COMPRESSOR.set(Some(codec));
    Ok(compressed)
}

fn decompress(
    attribute: &'static str,
    dictionary: &'static Dictionary,
    compressed: &[u8],
) -> Result<Arc<str>, ItemError> {
    let invalid = |expected| ItemError::Invalid { attribute, expected };
    let size = stated_size(compressed, MAX_DATA_BYTES);
    let size = size.ok_or_else(|| invalid("a zstd frame with its content size"))?;
    let read = |bytes: &[u8]| std::str::from_utf8(bytes).map(Arc::from);
    let text = decompressed(dictionary, compressed, size, read)
        .map_err(|source| ItemError::Compression { attribute, source })?;
    text.map_err(|_| invalid("text in UTF-8"))
}
