//! What `up` started, as it is known to a later `up`, `down` or `status`.
//!
//! Promises that only what was started here is ever stopped: a process is known by its id and the
//! time of its birth, a container by a name of ours.

use std::fmt;
use std::fs;
use std::io::ErrorKind;

use anyhow::{Context, Result};

use super::Place;
use super::docker::Container;
use super::process::Process;

const FILE: &str = "started";
const TAIL: usize = 30;

/// A service that was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Started {
    Process(Process),
    Container(Container),
}

impl Started {
    /// Keeps it for later.
    pub(super) fn saved(self, place: &Place) -> Result<Self> {
        let (file, part) = (place.records().join(FILE), place.records().join("started.part"));
        let line = match &self {
            Self::Process(process) => format!("process {process}"),
            Self::Container(container) => format!("container {container}"),
        };
        fs::write(&part, line)
            .and_then(|()| fs::rename(&part, &file))
            .with_context(|| format!("`{}` cannot be written", file.display()))?;
        Ok(self)
    }

    /// What was kept for this place, if anything.
    pub(super) fn load(place: &Place) -> Result<Option<Self>> {
        let file = place.records().join(FILE);
        match fs::read_to_string(&file) {
            Ok(line) => Ok(Self::parse(&line, place)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("`{}` cannot be read", file.display())),
        }
    }

    fn parse(line: &str, place: &Place) -> Option<Self> {
        match line.split_once(' ')? {
            ("process", rest) => Process::parse(rest).map(Self::Process),
            ("container", name) => Some(Self::Container(Container::new(name, &place.root))),
            _ => None,
        }
    }

    pub(super) fn is_alive(&self) -> bool {
        match self {
            Self::Process(process) => process.is_alive(),
            Self::Container(container) => container.is_alive(),
        }
    }

    /// Stops it, if it still runs, and forgets it. Whether it ran.
    pub(super) fn stop(&self, place: &Place) -> Result<bool> {
        let ran = self.is_alive();
        if ran {
            match self {
                Self::Process(process) => process.stop()?,
                Self::Container(container) => container.stop()?,
            }
        }
        fs::remove_file(place.records().join(FILE)).context("what was started cannot be forgotten")?;
        Ok(ran)
    }

    /// The last lines that it wrote.
    pub(super) fn log_tail(&self, place: &Place) -> String {
        match self {
            Self::Process(_) => {
                let text = fs::read(place.log()).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
                tail(&text.unwrap_or_default())
            }
            Self::Container(container) => tail(&container.log()),
        }
    }
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL)..].join("\n")
}

impl fmt::Display for Started {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process(process) => write!(f, "process {}", process.id()),
            Self::Container(container) => write!(f, "container {container}"),
        }
    }
}
