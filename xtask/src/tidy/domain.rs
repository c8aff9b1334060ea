//! The domain crate has no I/O and no async.
//!
//! Its manifest names no crate with I/O or async, and its code no such module of std. Clippy refuses the clock, the
//! environment and random ids as well.

use toml::{Table, Value};

use super::finding::Finding;
use crate::source::SourceFile;

/// The domain's manifest.
pub(super) const MANIFEST: &str = "shared/domain/Cargo.toml";

const CODE: &str = "shared/domain/src/";

/// Beginnings of the names of crates that do I/O or async.
const IO_CRATES: [&str; 14] = [
    "async",
    "aws",
    "axum",
    "futures",
    "http",
    "hyper",
    "lambda",
    "mio",
    "rand",
    "reqwest",
    "rusqlite",
    "tokio",
    "tower",
    "tracing-subscriber",
];

/// Modules of std with I/O or process state.
const IO_MODULES: [&str; 6] = ["env", "fs", "io", "net", "process", "thread"];

/// The domain's manifest depends on no crate that does I/O.
pub(super) fn has_no_means_for_io(file: &SourceFile) -> Vec<Finding> {
    if file.path != MANIFEST {
        return Vec::new();
    }
    let manifest: Table = match file.text.parse() {
        Ok(manifest) => manifest,
        Err(error) => return vec![Finding::new(file, 0, format!("not readable: {}", error.message()))],
    };
    dependencies(&manifest)
        .into_iter()
        .filter(|name| IO_CRATES.iter().any(|begin| name.starts_with(begin)))
        .map(|name| Finding::new(file, 0, format!("the domain has no I/O: use `{name}` outside of it")))
        .collect()
}

/// The domain's code uses no such module of std and is not async.
pub(super) fn does_no_io(file: &SourceFile) -> Vec<Finding> {
    if !file.is_rust() || !file.path.starts_with(CODE) {
        return Vec::new();
    }
    let code = file.text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"));
    code.filter_map(|(index, line)| Some((index + 1, io_in(line)?)))
        .map(|(line, what)| Finding::new(file, line, format!("the domain has no I/O: use `{what}` outside of it")))
        .collect()
}

/// The crates in all dependency tables of a manifest, by their real names.
fn dependencies(manifest: &Table) -> Vec<String> {
    let mut names = Vec::new();
    for (key, value) in manifest {
        let Value::Table(table) = value else { continue };
        if key.ends_with("dependencies") {
            names.extend(table.iter().map(|(name, how)| real_name(name, how)));
        } else if key == "target" {
            names.extend(table.values().filter_map(Value::as_table).flat_map(dependencies));
        }
    }
    names
}

fn real_name(name: &str, how: &Value) -> String {
    how.get("package").and_then(Value::as_str).unwrap_or(name).to_owned()
}

fn io_in(line: &str) -> Option<String> {
    if line.contains("async fn") || line.contains("async move") || line.contains(".await") {
        return Some("async".to_owned());
    }
    line.match_indices("std::").find_map(|(at, found)| {
        let named = first_names(&line[at + found.len()..]);
        let module = named.into_iter().find(|name| IO_MODULES.contains(name))?;
        Some(format!("std::{module}"))
    })
}

/// The names that follow in a path: one, or those of a group in braces.
fn first_names(rest: &str) -> Vec<&str> {
    match rest.strip_prefix('{') {
        Some(inner) => inner.split('}').next().unwrap_or(inner).split(',').map(first_name).collect(),
        None => vec![first_name(rest)],
    }
}

fn first_name(path: &str) -> &str {
    let path = path.trim_start();
    path.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> SourceFile {
        SourceFile { path: path.to_owned(), text: text.to_owned() }
    }

    #[track_caller]
    fn check_manifest(text: &str, reasons: &[&str]) {
        let found = has_no_means_for_io(&file(MANIFEST, text));
        assert_eq!(found.len(), reasons.len(), "{text}: {found:?}");
        for (finding, reason) in found.iter().zip(reasons) {
            assert!(finding.reason.contains(reason), "{finding}");
        }
    }

    #[test]
    fn the_manifest_names_no_crate_with_io() {
        check_manifest("[dependencies]\nserde = \"1\"\ntoml = \"1\"", &[]);
        check_manifest("[dependencies]\ntokio.workspace = true", &["`tokio`"]);
        check_manifest(
            "[dependencies]\naws-sdk-dynamodb = \"1\"\nrusqlite = \"1\"",
            &["`aws-sdk-dynamodb`", "`rusqlite`"],
        );
        check_manifest("[dev-dependencies]\nreqwest = \"1\"", &["`reqwest`"]);
        check_manifest("[build-dependencies]\nasync-trait = \"1\"", &["`async-trait`"]);
        check_manifest("[target.'cfg(unix)'.dependencies]\ntokio = \"1\"", &["`tokio`"]);
        check_manifest("[dependencies]\nquiet = { package = \"tokio\", version = \"1\" }", &["`tokio`"]);
        check_manifest("[dependencies", &["not readable"]);
    }

    #[test]
    fn other_manifests_may_name_such_crates() {
        let other = file("shared/sqlite/Cargo.toml", "[dependencies]\ntokio = \"1\"");
        assert_eq!(has_no_means_for_io(&other), []);
    }

    #[track_caller]
    fn check_line(line: &str, found: Option<&str>) {
        let found = found.map(|what| format!("the domain has no I/O: use `{what}` outside of it"));
        let reasons: Vec<String> =
            does_no_io(&file("shared/domain/src/event.rs", line)).into_iter().map(|finding| finding.reason).collect();
        assert_eq!(reasons, Vec::from_iter(found), "{line}");
    }

    #[test]
    fn the_code_uses_no_io() {
        check_line("use std::fmt;", None);
        check_line("use std::iter;", None);
        check_line("use std::{collections::BTreeMap, fmt};", None);
        check_line("use std::fs;", Some("std::fs"));
        check_line("use std::{fmt, fs};", Some("std::fs"));
        check_line("use std::{fmt, net::IpAddr};", Some("std::net"));
        check_line("let text = std::fs::read_to_string(path)?;", Some("std::fs"));
        check_line("std::fmt::write(a, b); std::io::stdout();", Some("std::io"));
        check_line("pub async fn fold() {}", Some("async"));
        check_line("store.append(event).await?;", Some("async"));
        check_line("// std::fs is not allowed here", None);
    }

    #[test]
    fn other_code_may_use_io() {
        assert_eq!(does_no_io(&file("shared/sqlite/src/lib.rs", "use std::fs;")), []);
    }
}
