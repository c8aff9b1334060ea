//! A record of what `up` started, for a later `up`, `down` or `status`.
//!
//! Only services that were started here are ever stopped. A process is identified by its id and start time, a container
//! by its name.

use std::fmt;
use std::fs;
use std::io::ErrorKind;

use anyhow::{Context, Result};

use super::Instance;
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
    /// Writes the record.
    pub(super) fn saved(self, instance: &Instance) -> Result<Self> {
        let (file, part) = (instance.records().join(FILE), instance.records().join("started.part"));
        let line = match &self {
            Self::Process(process) => format!("process {process}"),
            Self::Container(container) => format!("container {container}"),
        };
        fs::write(&part, line)
            .and_then(|()| fs::rename(&part, &file))
            .with_context(|| format!("`{}` cannot be written", file.display()))?;
        Ok(self)
    }

    /// Reads the record of this instance, if there is one.
    pub(super) fn load(instance: &Instance) -> Result<Option<Self>> {
        let file = instance.records().join(FILE);
        match fs::read_to_string(&file) {
            Ok(line) => Ok(Self::parse(&line, instance)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("`{}` cannot be read", file.display())),
        }
    }

    fn parse(line: &str, instance: &Instance) -> Option<Self> {
        match line.split_once(' ')? {
            ("process", rest) => Process::parse(rest).map(Self::Process),
            ("container", name) => Some(Self::Container(Container::new(name, &instance.root))),
            _ => None,
        }
    }

    pub(super) fn is_alive(&self) -> bool {
        match self {
            Self::Process(process) => process.is_alive(),
            Self::Container(container) => container.is_alive(),
        }
    }

    /// Stops it if it still runs, and removes the record. Returns whether it ran.
    pub(super) fn stop(&self, instance: &Instance) -> Result<bool> {
        let ran = self.is_alive();
        if ran {
            match self {
                Self::Process(process) => process.stop()?,
                Self::Container(container) => container.stop()?,
            }
        }
        fs::remove_file(instance.records().join(FILE)).context("the record of the service cannot be removed")?;
        Ok(ran)
    }

    /// The last lines of its log.
    pub(super) fn log_tail(&self, instance: &Instance) -> String {
        match self {
            Self::Process(_) => {
                let text = fs::read(instance.log()).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
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
