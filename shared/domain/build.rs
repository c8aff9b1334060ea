//! Converts the shipped definition files to a binary form that a function reads at start without parsing TOML. A new entity
//! type is a new file.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

#[path = "src/definition/raw.rs"]
mod raw;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new("entities");
    println!("cargo::rerun-if-changed={}", folder.display());
    println!("cargo::rerun-if-changed=src/definition/raw.rs");
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    let mut list = String::from("&[\n");
    for file in files {
        let name = file.file_name().unwrap_or_default();
        let _ = writeln!(list, "    ({name:?}, &{:?}),", binary_form(&file)?);
    }
    list.push(']');
    let out = env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?;
    fs::write(Path::new(&out).join("built_in_entities.rs"), list)?;
    Ok(())
}

fn binary_form(file: &Path) -> Result<Vec<u8>, Box<dyn Error>> {
    let text = fs::read_to_string(file)?;
    let raw: raw::RawDefinition = toml::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(postcard::to_allocvec(&raw)?)
}
