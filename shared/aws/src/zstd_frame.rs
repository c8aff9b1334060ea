//! Decompression of zstd frames that state their size.
//!
//! Each thread reuses one decompressor and its buffer, because building them takes longer than decompressing an event or
//! a snapshot. One that has failed is not reused.

use std::cell::Cell;
use std::io;
use std::sync::LazyLock;

use zstd::bulk::Decompressor;
use zstd::dict::DecoderDictionary;

pub(crate) type Dictionary = LazyLock<DecoderDictionary<'static>>;

/// For frames that were compressed without a dictionary.
pub(crate) static NO_DICTIONARY: Dictionary = LazyLock::new(|| DecoderDictionary::copy(&[]));

/// The largest buffer that is kept for the next frame. Nearly all fit into it.
const KEPT_BYTES: usize = 64 * 1024;

thread_local! {
    static DECOMPRESSOR: Cell<Option<(Decompressor<'static>, Vec<u8>)>> = const { Cell::new(None) };
}

/// The size that a frame states; `None` if it states none, or more than `largest`, as a damaged one may.
pub(crate) fn stated_size(frame: &[u8], largest: usize) -> Option<usize> {
    let size = zstd::zstd_safe::get_frame_content_size(frame).ok().flatten()?;
    usize::try_from(size).ok().filter(|size| *size <= largest)
}

/// What `read` makes of the bytes of a frame of that size.
pub(crate) fn decompressed<T>(
    dictionary: &'static Dictionary,
    frame: &[u8],
    size: usize,
    read: impl FnOnce(&[u8]) -> T,
) -> io::Result<T> {
    let (mut codec, mut bytes) = match DECOMPRESSOR.take() {
        Some(reused) => reused,
        None => (Decompressor::new()?, Vec::new()),
    };
    bytes.clear();
    bytes.reserve(size);
    codec.set_prepared_dictionary(dictionary)?;
    codec.decompress_to_buffer(frame, &mut bytes)?;
    let read = read(&bytes);
    if bytes.capacity() <= KEPT_BYTES {
        DECOMPRESSOR.set(Some((codec, bytes)));
    }
    Ok(read)
}
