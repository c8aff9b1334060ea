//! The check of the HTTP API from outside: its document, what it publishes, and requests that other programs make up.
//!
//! `annals serve` runs with the sample events while OpenAPI's validator reads the document, each example in it and each
//! published event is validated against its JSON Schema, and schemathesis sends requests made from the document.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::command::Cargo;
use crate::python::PythonTool;

/// The program with the features of the tests, so that nothing is compiled again.
const BUILD: &str = "build --workspace --exclude xtask --all-features --bin annals";
const TOKEN: &str = "0123456789abcdef-of-the-api-check";

/// Runs all of it.
pub(crate) fn check(root: &Path) -> Result<()> {
    PythonTool::Schemathesis.provide(root)?;
    Cargo::new(root, BUILD).run()?;
    let python = Python { root, folder: PythonTool::Schemathesis.folder(root) };
    python.run("-m openapi_spec_validator --schema 3.1 docs/openapi.json")?;
    python.run("tests/api/examples.py docs/openapi.json")?;
    let server = Server::start(root)?;
    python.run(&format!("tests/api/published_events.py docs/published-events {}", server.published.display()))?;
    let script = python.folder.join("bin/schemathesis");
    let arguments =
        format!("{} --config-file tests/api/schemathesis.toml run {}/openapi.json", script.display(), server.url);
    python.command(&arguments).env("ANNALS_TOKEN", TOKEN).env("SCHEMATHESIS_HOOKS", "hooks").run()
}

/// The Python of the tool's environment.
struct Python<'a> {
    root: &'a Path,
    folder: PathBuf,
}

impl Python<'_> {
    fn command(&self, arguments: &str) -> Cargo {
        let python = self.folder.join("bin/python");
        Cargo::program(&python.to_string_lossy(), self.root, arguments).env("PYTHONPATH", "tests/api")
    }

    fn run(&self, arguments: &str) -> Result<()> {
        self.command(arguments).run()
    }
}

/// `annals serve` with the sample events and an empty database. It ends with this value.
struct Server {
    process: Child,
    url: String,
    /// The file of published events.
    published: PathBuf,
}

impl Server {
    fn start(root: &Path) -> Result<Self> {
        let folder = root.join("target/api");
        if folder.exists() {
            std::fs::remove_dir_all(&folder).context("the last run's folder")?;
        }
        std::fs::create_dir_all(&folder)?;
        let (tokens, published) = (folder.join("tokens"), folder.join("published.jsonl"));
        std::fs::write(&tokens, format!("{TOKEN} admin\n"))?;
        let log = std::fs::File::create(folder.join("log"))?;
        let mut process = Command::new(root.join("target/debug/annals"))
            .args(["serve", "events/ingest", "--listen", "127.0.0.1:0", "--token-file"])
            .arg(tokens)
            .arg("--publish")
            .arg(&published)
            .env("ANNALS_DB", folder.join("annals.db"))
            .current_dir(root)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .context("`annals serve` did not start")?;
        let lines = BufReader::new(process.stdout.take().context("its output is piped")?).lines();
        let url = lines.map_while(Result::ok).find_map(|line| address(&line));
        let url = url.with_context(|| format!("`annals serve` ended early: see {}/log", folder.display()));
        let url = url.inspect_err(|_| drop(process.wait()))?;
        ensure!(url.starts_with("http://127.0.0.1:"), "unexpected address {url}");
        Ok(Self { process, url, published })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The address in the line that says that the API is ready.
fn address(line: &str) -> Option<String> {
    let url = line.strip_prefix("serving ")?.split_whitespace().next()?;
    Some(url.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_read_from_the_line_that_says_so() {
        let line = "serving http://127.0.0.1:40123 until Ctrl-C; try";
        assert_eq!(address(line).as_deref(), Some("http://127.0.0.1:40123"));
        assert_eq!(address("  curl http://127.0.0.1:40123/clients"), None);
    }
}
