//! The services that tests run on: `cargo xtask services up`, `down` and `status`.
//!
//! Promises that after `up` each service answers, from Docker where an engine runs and has or gets
//! the image, else from Maven or Python's package index, and that what answers already is left as
//! it is. Services outlive the command. One alone may be absent: OpenSearch 3.x, on a machine with
//! neither Docker nor a JDK for it, which is said loudly and kept in a file that the tests look at.

mod account;
mod answer;
mod docker;
mod dynamodb;
mod jdk;
mod maven;
mod moto;
mod opensearch;
mod process;
mod start;
mod started;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

pub(crate) use self::account::is_root;
use self::answer::Answer;
use self::docker::{Engine, Image};
pub(crate) use self::jdk::Jdk;
pub(crate) use self::maven::whole;
use self::start::Standing;
use self::started::Started;
use crate::machine::Need;
use crate::runner::Outcome;

/// How to stop what `up` started.
const STOP: &str = "`cargo xtask services down` stops them";

/// A service: what it is, how it is known, and how it starts. Each is a file of its own.
trait Service: Sync {
    /// Its name and line, for those who read.
    fn name(&self) -> String;

    /// Its name for folders and containers.
    fn id(&self) -> String;

    /// The version that is started.
    fn version(&self) -> &'static str;

    /// Its port without an offset.
    fn port(&self) -> u16;

    /// The variable that tells tests where it is, when it is not on that port.
    fn variable(&self) -> &'static str;

    /// Asks the port whether it is there.
    fn ask(&self, port: u16) -> Answer;

    /// What Docker runs.
    fn image(&self) -> Image;

    /// Where it comes from when not from Docker.
    fn source(&self) -> &'static str;

    /// What the machine must have for it to be prepared.
    fn needs(&self, place: &Place) -> Result<Vec<Need>>;

    /// Brings what it needs onto the machine, and makes the command that starts it there.
    fn prepare(&self, place: &Place) -> Result<Prepared>;

    /// The file that tells tests that it may be absent.
    fn absence(&self, _home: &Path) -> Option<PathBuf> {
        None
    }
}

/// Where a service is started.
struct Place {
    root: PathBuf,
    /// The folder of all services, where they are installed.
    home: PathBuf,
    /// Its name and port: one of a kind on this machine.
    key: String,
    port: u16,
}

/// Whether a service can run without Docker.
enum Prepared {
    Ready(Command),
    /// It cannot, and may be absent; the reason.
    Absent(String),
}

fn all() -> [Box<dyn Service>; 4] {
    [
        Box::new(dynamodb::DynamoDbLocal),
        Box::new(opensearch::OpenSearch::V2),
        Box::new(opensearch::OpenSearch::V3),
        Box::new(moto::Moto),
    ]
}

/// Starts what does not answer yet, and waits until all do.
pub(crate) fn up(root: &Path, offset: u16) -> Result<Outcome> {
    let _lock = lock(root)?;
    let services = all();
    let places =
        services.iter().map(|service| Place::of(service.as_ref(), root, offset)).collect::<Result<Vec<_>>>()?;
    let (mut absent, mut failed) = (Vec::new(), 0);
    for (service, settled) in services.iter().zip(settle_all(&services, &places)) {
        match settled {
            Ok(Standing::Absent(reason)) => absent.push(format!("{}: {reason}", service.name())),
            Ok(_) => {}
            Err(_) => failed += 1,
        }
    }
    ensure!(failed == 0, "services that did not start: {failed}");
    if offset != 0 {
        println!("\nTests find them by:\n{}", exports(&services, offset));
    }
    Ok(outcome(services.len(), &absent))
}

/// What the machine must have for those that do not answer and do not come from Docker.
pub(crate) fn needs(root: &Path, offset: u16) -> Result<Vec<Need>> {
    let mut needs = Vec::new();
    let mut engine = None;
    for service in all() {
        let place = Place::of(service.as_ref(), root, offset)?;
        let begun = Started::load(&place)?.is_some_and(|started| started.is_alive());
        if begun || service.ask(place.port) != Answer::Silent {
            continue;
        }
        let engine = *engine.get_or_insert_with(|| docker::engine(root));
        // Asked to the end: an engine whose registry is out of reach is of no use.
        if engine == Engine::None || !service.image().is_to_be_had(root) {
            needs.extend(service.needs(&place)?);
        }
    }
    Ok(needs)
}

/// Begins one after the other, as each may have to be fetched, and waits for all at once. Each has its line printed.
fn settle_all(services: &[Box<dyn Service>], places: &[Place]) -> Vec<Result<Standing>> {
    let engine = docker::engine(&places[0].root);
    std::thread::scope(|scope| {
        let waiting = services.iter().zip(places).map(|(service, place)| {
            let service = service.as_ref();
            let begun = start::begin(service, place, engine);
            scope.spawn(move || {
                let settled = begun.and_then(|standing| standing.settled(service, place));
                println!("{}", start::line(&settled, service, place));
                settled
            })
        });
        // Collected before any is joined: else each would be waited for before the next begins.
        let waiting: Vec<_> = waiting.collect();
        waiting.into_iter().map(|thread| thread.join().expect("waiting does not panic")).collect()
    })
}

/// Stops what `up` started with this offset.
pub(crate) fn down(root: &Path, offset: u16) -> Result<Outcome> {
    let _lock = lock(root)?;
    let mut stopped = 0;
    for service in all() {
        let place = Place::of(service.as_ref(), root, offset)?;
        let word = match Started::load(&place)? {
            Some(started) if started.stop(&place)? => {
                stopped += 1;
                "stopped"
            }
            Some(_) => "had ended already",
            None if matches!(service.ask(place.port), Answer::Silent) => "not running",
            None => "not started here, left as it is",
        };
        println!("{:16}  {}  {word}", service.name(), place.address());
    }
    Ok(Outcome::DoneWith(format!("{stopped} stopped")))
}

/// Says of each service whether it answers.
pub(crate) fn status(root: &Path, offset: u16) -> Result<Outcome> {
    let mut ready = 0;
    for service in all() {
        let place = Place::of(service.as_ref(), root, offset)?;
        let answer = service.ask(place.port);
        ready += usize::from(matches!(answer, Answer::Ready(_)));
        let by = match Started::load(&place)? {
            Some(started) => format!("  {started}"),
            None => String::new(),
        };
        println!("{:16}  {}  {answer}{by}", service.name(), place.address());
    }
    Ok(Outcome::DoneWith(format!("{ready} of {} answer", all().len())))
}

fn outcome(all: usize, absent: &[String]) -> Outcome {
    match absent {
        [] => Outcome::DoneWith(format!("{all} answer; {STOP}")),
        absent => Outcome::NotChecked(format!("{}; {STOP}", absent.join("; "))),
    }
}

fn exports(services: &[Box<dyn Service>], offset: u16) -> String {
    let line = |service: &dyn Service| {
        format!("export {}=http://127.0.0.1:{}", service.variable(), service.port().saturating_add(offset))
    };
    services.iter().map(|service| line(service.as_ref())).collect::<Vec<_>>().join("\n")
}

/// Keeps a second `up` or `down` waiting until this one is done.
fn lock(root: &Path) -> Result<File> {
    let home = home(root);
    fs::create_dir_all(&home).with_context(|| format!("`{}` cannot be made", home.display()))?;
    let file = File::create(home.join("lock")).context("the lock file cannot be made")?;
    file.lock().context("the lock file cannot be locked")?;
    Ok(file)
}

fn home(root: &Path) -> PathBuf {
    root.join("target").join("services")
}

impl Place {
    fn of(service: &dyn Service, root: &Path, offset: u16) -> Result<Self> {
        let port = service.port().checked_add(offset).context("the offset is past the last port")?;
        Ok(Self { root: root.to_owned(), home: home(root), key: format!("{}-{port}", service.id()), port })
    }

    fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What is known of the running service: its process or container, and its output.
    fn records(&self) -> PathBuf {
        self.home.join("run").join(&self.key)
    }

    fn log(&self) -> PathBuf {
        self.records().join("log")
    }
}

#[cfg(test)]
mod tests;
