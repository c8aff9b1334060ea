//! Starts one service.
//!
//! A service is started once, also if an earlier `up` was interrupted while it started. A service that ends or takes
//! too long is an error with the last lines of its output.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::docker::{self, Engine};
use super::probe::ProbeResult;
use super::process::Process;
use super::started::Started;
use super::{Instance, Prepared, Service};

/// How long a service may take from its start until it is ready.
const DEADLINE: Duration = Duration::from_secs(240);
const PAUSE: Duration = Duration::from_millis(200);

pub(super) enum ServiceState {
    /// It was ready before.
    Already(Option<String>),
    /// It was started, and is not ready yet.
    Begun { started: Started, source: &'static str, since: Instant },
    /// It was started and is ready.
    Up { source: &'static str, took: Duration },
    /// It cannot run here and may be missing. The text is the reason.
    Absent(String),
}

/// Starts the service if it is not ready.
pub(super) fn begin(service: &dyn Service, instance: &Instance, engine: Engine) -> Result<ServiceState> {
    let since = Instant::now();
    let before = Started::load(instance)?.filter(Started::is_alive);
    let state = match (service.probe(instance.port), before) {
        (ProbeResult::Ready(version), Some(_)) => ServiceState::Already(version.or(Some(service.version().to_owned()))),
        (ProbeResult::Ready(version), None) => ServiceState::Already(version),
        (_, Some(started)) => ServiceState::Begun { started, source: "an earlier start", since },
        (ProbeResult::Other(what), None) => bail!("port {} is used by another program: {what}", instance.port),
        (ProbeResult::Silent, None) => start(service, instance, engine, since)?,
    };
    write_absence(service, instance, &state)?;
    Ok(state)
}

fn start(service: &dyn Service, instance: &Instance, engine: Engine, since: Instant) -> Result<ServiceState> {
    let begun = |started: Started, source| Ok(ServiceState::Begun { started, source, since });
    renew(&instance.records())?;
    let image = service.image();
    if engine == Engine::Runs && image.is_available(&instance.root) {
        let container = docker::run(&image, instance)?;
        return begun(Started::Container(container).saved(instance)?, "Docker");
    }
    match service.prepare(instance)? {
        Prepared::Absent(reason) => Ok(ServiceState::Absent(reason)),
        Prepared::Ready(command) => {
            let log = File::create(instance.log())
                .with_context(|| format!("`{}` cannot be made", instance.log().display()))?;
            begun(Started::Process(Process::start(command, log)?).saved(instance)?, service.source())
        }
    }
}

/// Creates the folder, empty.
pub(super) fn renew(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("`{}` cannot be emptied", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("`{}` cannot be made", folder.display()))
}

/// Writes the file that tells the tests that the service may be missing, or removes it.
fn write_absence(service: &dyn Service, instance: &Instance, state: &ServiceState) -> Result<()> {
    let Some(file) = service.absence(&instance.home) else { return Ok(()) };
    match state {
        ServiceState::Absent(reason) => fs::write(&file, reason),
        _ if file.exists() => fs::remove_file(&file),
        _ => Ok(()),
    }
    .with_context(|| format!("`{}` cannot be changed", file.display()))
}

impl ServiceState {
    /// Waits until the service is ready.
    pub(super) fn ready(self, service: &dyn Service, instance: &Instance) -> Result<Self> {
        let Self::Begun { started, source, since } = self else { return Ok(self) };
        let waiting = Instant::now();
        while !matches!(service.probe(instance.port), ProbeResult::Ready(_)) {
            let end = || started.log_tail(instance);
            ensure!(started.is_alive(), "it ended; its last output:\n{}", end());
            let late = waiting.elapsed() > DEADLINE;
            ensure!(!late, "not ready after {} s; its last output:\n{}", DEADLINE.as_secs(), end());
            std::thread::sleep(PAUSE);
        }
        Ok(Self::Up { source, took: since.elapsed() })
    }
}

/// A line of progress: address, version, source and duration.
pub(super) fn line(ready: &Result<ServiceState>, service: &dyn Service, instance: &Instance) -> String {
    let (version, how) = match ready {
        Ok(ServiceState::Already(version)) => (version.as_deref().unwrap_or("?"), "was running".to_owned()),
        Ok(ServiceState::Begun { source, .. }) => (service.version(), format!("starting from {source}")),
        Ok(ServiceState::Up { source, took }) => {
            (service.version(), format!("from {source}, {:.1} s", took.as_secs_f64()))
        }
        Ok(ServiceState::Absent(reason)) => ("-", format!("!!! IS NOT TESTED: {reason}")),
        Err(error) => ("-", format!("FAILED: {error:#}")),
    };
    format!("{:16}  {}  {version:8}  {how}", service.name(), instance.address())
}
