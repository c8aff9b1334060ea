//! The stored data and the responses of an earlier release, for the sample events. The files are never written
//! again: such data exists in production and must stay readable.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stored_by_an_earlier_release")
}

/// Copies the SQLite file into a folder. Returns the path of the copy.
pub fn copy_database(to: &Path) -> PathBuf {
    let compressed = fs::read(folder().join("annals.db.zst")).expect("the compressed file");
    let path = to.join("annals.db");
    fs::write(&path, zstd::decode_all(&*compressed).expect("the file decompresses"))
        .expect("the folder can be written");
    path
}

/// The JSON bodies of that release's responses, by the path of the GET request.
pub fn responses() -> Map<String, Value> {
    read("answers.json")
}

/// The same events as DynamoDB items, in DynamoDB's JSON with a type for each attribute.
pub fn dynamodb_items() -> Vec<Map<String, Value>> {
    read("dynamodb_items.json")
}

fn read<T: serde::de::DeserializeOwned>(name: &str) -> T {
    let text = fs::read_to_string(folder().join(name)).expect("the file");
    serde_json::from_str(&text).expect("the file is JSON")
}
