//! The services for the tests: `cargo xtask services up`, `down` and `status`.
//!
//! After `up` each service is ready: from Docker if an engine runs and can get the image, otherwise from Maven or
//! Python's package index. A service that runs already is not touched. Services outlive the command. Only OpenSearch
//! 3.x may be missing, on a machine with neither Docker nor a JDK for it. The output says so, and a file tells the tests.

mod account;
mod docker;
mod dynamodb;
mod jdk;
mod maven;
mod moto;
mod opensearch;
mod probe;
mod process;
mod start;
mod started;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

pub(crate) use self::account::is_root;
use self::docker::{Engine, Image};
pub(crate) use self::jdk::Jdk;
pub(crate) use self::maven::create_folder;
use self::probe::ProbeResult;
use self::start::ServiceState;
use self::started::Started;
use crate::machine::Need;
use crate::runner::Outcome;

/// How to stop what `up` started.
const STOP: &str = "`cargo xtask services down` stops them";

/// A service, with its identity and how it starts. Each is a file of its own.
trait Service: Sync {
    /// Its name with the supported line, for output.
    fn name(&self) -> String;

    /// Its name for folders and containers.
    fn id(&self) -> String;

    /// The version that `up` starts.
    fn version(&self) -> &'static str;

    /// Its port without an offset.
    fn port(&self) -> u16;

    /// The environment variable with its address for tests, if it is not on that port.
    fn variable(&self) -> &'static str;

    /// Finds out whether it runs at the port.
    fn probe(&self, port: u16) -> ProbeResult;

    fn image(&self) -> Image;

    /// Where it comes from without Docker.
    fn source(&self) -> &'static str;

    /// What the machine must have before it can be prepared.
    fn needs(&self, instance: &Instance) -> Result<Vec<Need>>;

    /// Downloads it, and returns the command that starts it.
    fn prepare(&self, instance: &Instance) -> Result<Prepared>;

    /// The file that tells tests that it may be missing.
    fn absence(&self, _home: &Path) -> Option<PathBuf> {
        None
    }
}

/// A service at a port of this machine.
struct Instance {
    root: PathBuf,
    /// The folder of all services, where they are installed.
    home: PathBuf,
    /// Its id and port, unique on this machine.
    key: String,
    port: u16,
}

/// Whether a service can run without Docker.
enum Prepared {
    Ready(Command),
    /// It cannot, and may be missing. The text is the reason.
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

/// Starts the services that do not run yet, and waits until all are ready.
pub(crate) fn up(root: &Path, offset: u16) -> Result<Outcome> {
    let _lock = lock(root)?;
    let services = all();
    let instances =
        services.iter().map(|service| Instance::of(service.as_ref(), root, offset)).collect::<Result<Vec<_>>>()?;
    let (mut absent, mut failed) = (Vec::new(), 0);
    for (service, settled) in services.iter().zip(start_all(&services, &instances)) {
        match settled {
            Ok(ServiceState::Absent(reason)) => absent.push(format!("{}: {reason}", service.name())),
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

/// What the machine must have for the services that do not run yet and do not come from Docker.
pub(crate) fn needs(root: &Path, offset: u16) -> Result<Vec<Need>> {
    let mut needs = Vec::new();
    let mut engine = None;
    for service in all() {
        let instance = Instance::of(service.as_ref(), root, offset)?;
        let begun = Started::load(&instance)?.is_some_and(|started| started.is_alive());
        if begun || service.probe(instance.port) != ProbeResult::Silent {
            continue;
        }
        let engine = *engine.get_or_insert_with(|| docker::engine(root));
        // Pulls the image: an engine that cannot reach its registry does not help.
        if engine == Engine::None || !service.image().is_available(root) {
            needs.extend(service.needs(&instance)?);
        }
    }
    Ok(needs)
}

/// Starts one after the other, since each may have to be downloaded, and waits for all at once. Prints a line for each.
fn start_all(services: &[Box<dyn Service>], instances: &[Instance]) -> Vec<Result<ServiceState>> {
    let engine = docker::engine(&instances[0].root);
    std::thread::scope(|scope| {
        let waiting = services.iter().zip(instances).map(|(service, instance)| {
            let service = service.as_ref();
            let begun = start::begin(service, instance, engine);
            scope.spawn(move || {
                let settled = begun.and_then(|state| state.ready(service, instance));
                println!("{}", start::line(&settled, service, instance));
                settled
            })
        });
        // Collected before any is joined: otherwise each would be waited for before the next one starts.
        let waiting: Vec<_> = waiting.collect();
        waiting.into_iter().map(|thread| thread.join().expect("waiting does not panic")).collect()
    })
}

/// Stops what `up` started with this offset.
pub(crate) fn down(root: &Path, offset: u16) -> Result<Outcome> {
    let _lock = lock(root)?;
    let mut stopped = 0;
    for service in all() {
        let instance = Instance::of(service.as_ref(), root, offset)?;
        let word = match Started::load(&instance)? {
            Some(started) if started.stop(&instance)? => {
                stopped += 1;
                "stopped"
            }
            Some(_) => "had already ended",
            None if matches!(service.probe(instance.port), ProbeResult::Silent) => "not running",
            None => "not started by this command: left running",
        };
        println!("{:16}  {}  {word}", service.name(), instance.address());
    }
    Ok(Outcome::DoneWith(format!("{stopped} stopped")))
}

/// Prints for each service whether it is ready.
pub(crate) fn status(root: &Path, offset: u16) -> Result<Outcome> {
    let mut ready = 0;
    for service in all() {
        let instance = Instance::of(service.as_ref(), root, offset)?;
        let answer = service.probe(instance.port);
        ready += usize::from(matches!(answer, ProbeResult::Ready(_)));
        let by = match Started::load(&instance)? {
            Some(started) => format!("  {started}"),
            None => String::new(),
        };
        println!("{:16}  {}  {answer}{by}", service.name(), instance.address());
    }
    Ok(Outcome::DoneWith(format!("{ready} of {} ready", all().len())))
}

fn outcome(all: usize, absent: &[String]) -> Outcome {
    match absent {
        [] => Outcome::DoneWith(format!("{all} ready; {STOP}")),
        absent => Outcome::NotChecked(format!("{}; {STOP}", absent.join("; "))),
    }
}

fn exports(services: &[Box<dyn Service>], offset: u16) -> String {
    let line = |service: &dyn Service| {
        format!("export {}=http://127.0.0.1:{}", service.variable(), service.port().saturating_add(offset))
    };
    services.iter().map(|service| line(service.as_ref())).collect::<Vec<_>>().join("\n")
}

/// Makes a second `up` or `down` wait until this one is finished.
fn lock(root: &Path) -> Result<File> {
    let home = home(root);
    fs::create_dir_all(&home).with_context(|| format!("`{}` cannot be created", home.display()))?;
    let file = File::create(home.join("lock")).context("the lock file cannot be created")?;
    file.lock().context("the lock file cannot be locked")?;
    Ok(file)
}

fn home(root: &Path) -> PathBuf {
    root.join("target").join("services")
}

impl Instance {
    fn of(service: &dyn Service, root: &Path, offset: u16) -> Result<Self> {
        let port = service.port().checked_add(offset).context("the offset is past the last port")?;
        Ok(Self { root: root.to_owned(), home: home(root), key: format!("{}-{port}", service.id()), port })
    }

    fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The folder with the record of the running service and its log.
    fn records(&self) -> PathBuf {
        self.home.join("run").join(&self.key)
    }

    fn log(&self) -> PathBuf {
        self.records().join("log")
    }
}

#[cfg(test)]
mod tests;
