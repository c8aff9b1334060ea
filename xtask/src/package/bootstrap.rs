//! What a built function needs from the system that runs it.
//!
//! A function that Lambda could not start is refused: one for another processor, or one linked against a newer glibc
//! than Amazon Linux 2023 has. The file is only read, not run.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use object::read::elf::{FileHeader, SectionHeader};
use object::{Endianness, elf};

use super::Architecture;

/// The glibc of `provided.al2023`.
const GLIBC: [u32; 2] = [2, 34];

/// The properties of a function's file that are checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bootstrap {
    machine: elf::Machine,
    /// The names of the glibc versions that it needs.
    glibc: BTreeSet<String>,
    has_symbols: bool,
    bytes: usize,
}

impl Bootstrap {
    /// Reads the file and checks that it runs on that processor.
    pub(super) fn checked(path: &Path, architecture: Architecture) -> Result<Self> {
        let file = path.display();
        let bytes = std::fs::read(path).with_context(|| format!("`{file}` cannot be read"))?;
        let bootstrap = Self::read(&bytes).with_context(|| format!("`{file}` is no 64-bit ELF program"))?;
        bootstrap.check_runs_on(architecture).with_context(|| format!("`{file}` would not start on Lambda"))?;
        Ok(bootstrap)
    }

    fn read(bytes: &[u8]) -> object::read::Result<Self> {
        let header = elf::FileHeader64::<Endianness>::parse(bytes)?;
        let endian = header.endian()?;
        let sections = header.sections(endian, bytes)?;
        let mut glibc = BTreeSet::new();
        if let Some((libraries, link)) = sections.gnu_verneed(endian, bytes)? {
            let strings = sections.strings(endian, bytes, link)?;
            for library in libraries {
                for version in library?.1 {
                    let name = String::from_utf8_lossy(version?.name(endian, strings)?).into_owned();
                    glibc.extend(name.starts_with("GLIBC_").then_some(name));
                }
            }
        }
        let has_symbols = sections.iter().any(|section| section.sh_type(endian) == elf::SHT_SYMTAB);
        Ok(Self { machine: header.e_machine(endian), glibc, has_symbols, bytes: bytes.len() })
    }

    fn check_runs_on(&self, architecture: Architecture) -> Result<()> {
        let (ours, theirs) = (architecture.machine(), self.machine);
        ensure!(
            ours == theirs,
            "built for {}, expected {architecture}: run `cargo xtask package --architecture {architecture}`",
            Architecture::of(theirs).map_or_else(|| format!("machine {}", theirs.0), |it| it.to_string())
        );
        let newer: Vec<&str> = self.glibc.iter().map(String::as_str).filter(|name| is_newer(name)).collect();
        let [major, minor] = GLIBC;
        ensure!(
            newer.is_empty(),
            "needs {}, but Amazon Linux 2023 has glibc {major}.{minor}: build it with `cargo lambda build`, which links with zig",
            newer.join(", ")
        );
        Ok(())
    }

    /// The newest glibc version that it needs, if any.
    fn newest(&self) -> Option<String> {
        let newest = self.glibc.iter().filter_map(|name| version_in(name)).max()?;
        Some(newest.iter().map(u32::to_string).collect::<Vec<_>>().join("."))
    }
}

/// A name without a number is a newer feature of glibc or internal to it.
fn is_newer(name: &str) -> bool {
    version_in(name).is_none_or(|version| version[..] > GLIBC[..])
}

/// `GLIBC_2.2.5` as numbers.
fn version_in(name: &str) -> Option<Vec<u32>> {
    name.strip_prefix("GLIBC_")?.split('.').map(|number| number.parse().ok()).collect()
}

impl fmt::Display for Bootstrap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let megabytes = self.bytes as f64 / 1e6;
        let symbols = if self.has_symbols { "with symbols" } else { "stripped" };
        write!(f, "{megabytes:5.1} MB, {symbols}, ")?;
        match self.newest() {
            Some(version) => write!(f, "glibc {version} or later"),
            None => f.write_str("no glibc"),
        }
    }
}

#[cfg(test)]
mod tests;
