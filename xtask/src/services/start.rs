//! One service on its way up.
//!
//! Promises that a service is begun once, also where an earlier `up` was broken off while it
//! started, and that one that ends or takes too long is an error with the end of its output.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::answer::Answer;
use super::docker::{self, Engine};
use super::process::Process;
use super::started::Started;
use super::{Place, Prepared, Service};

/// How long a service may take from its start to its first answer.
const DEADLINE: Duration = Duration::from_secs(240);
const PAUSE: Duration = Duration::from_millis(200);

/// How it is with a service.
pub(super) enum Standing {
    /// It answers, and did so before.
    Already(Option<String>),
    /// It was begun, and is waited for.
    Begun { started: Started, source: &'static str, since: Instant },
    /// It was begun and answers.
    Up { source: &'static str, took: Duration },
    /// It is not there, and need not be; the reason.
    Absent(String),
}

/// Begins the service, where it does not answer.
pub(super) fn begin(service: &dyn Service, place: &Place, engine: Engine) -> Result<Standing> {
    let since = Instant::now();
    let before = Started::load(place)?.filter(Started::is_alive);
    let standing = match (service.ask(place.port), before) {
        (Answer::Ready(version), Some(_)) => Standing::Already(version.or(Some(service.version().to_owned()))),
        (Answer::Ready(version), None) => Standing::Already(version),
        (_, Some(started)) => Standing::Begun { started, source: "an earlier start", since },
        (Answer::Other(what), None) => bail!("port {} is another program's: {what}", place.port),
        (Answer::Silent, None) => start(service, place, engine, since)?,
    };
    note_absence(service, place, &standing)?;
    Ok(standing)
}

fn start(service: &dyn Service, place: &Place, engine: Engine, since: Instant) -> Result<Standing> {
    let begun = |started: Started, source| Ok(Standing::Begun { started, source, since });
    renew(&place.records())?;
    let image = service.image();
    if engine == Engine::Runs && image.is_to_be_had(&place.root) {
        let container = docker::run(&image, place)?;
        return begun(Started::Container(container).saved(place)?, "Docker");
    }
    match service.prepare(place)? {
        Prepared::Absent(reason) => Ok(Standing::Absent(reason)),
        Prepared::Ready(command) => {
            let log =
                File::create(place.log()).with_context(|| format!("`{}` cannot be made", place.log().display()))?;
            begun(Started::Process(Process::start(command, log)?).saved(place)?, service.source())
        }
    }
}

/// Empties the folder of an earlier run.
pub(super) fn renew(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("`{}` cannot be emptied", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("`{}` cannot be made", folder.display()))
}

/// Tells the tests whether the service may be missing.
fn note_absence(service: &dyn Service, place: &Place, standing: &Standing) -> Result<()> {
    let Some(file) = service.absence(&place.home) else { return Ok(()) };
    match standing {
        Standing::Absent(reason) => fs::write(&file, reason),
        _ if file.exists() => fs::remove_file(&file),
        _ => Ok(()),
    }
    .with_context(|| format!("`{}` cannot be changed", file.display()))
}

impl Standing {
    /// The standing when nothing more is waited for.
    pub(super) fn settled(self, service: &dyn Service, place: &Place) -> Result<Self> {
        let Self::Begun { started, source, since } = self else { return Ok(self) };
        let waiting = Instant::now();
        while !matches!(service.ask(place.port), Answer::Ready(_)) {
            let end = || started.log_tail(place);
            ensure!(started.is_alive(), "it ended; the end of its output:\n{}", end());
            let late = waiting.elapsed() > DEADLINE;
            ensure!(!late, "no answer in {} s; the end of its output:\n{}", DEADLINE.as_secs(), end());
            std::thread::sleep(PAUSE);
        }
        Ok(Self::Up { source, took: since.elapsed() })
    }
}

/// A line for those who wait: where it is, which version, from where, and how long it took.
pub(super) fn line(settled: &Result<Standing>, service: &dyn Service, place: &Place) -> String {
    let (version, how) = match settled {
        Ok(Standing::Already(version)) => (version.as_deref().unwrap_or("?"), "was there already".to_owned()),
        Ok(Standing::Begun { source, .. }) => (service.version(), format!("starting from {source}")),
        Ok(Standing::Up { source, took }) => (service.version(), format!("from {source}, {:.1} s", took.as_secs_f64())),
        Ok(Standing::Absent(reason)) => ("-", format!("!!! IS NOT TESTED: {reason}")),
        Err(error) => ("-", format!("FAILED: {error:#}")),
    };
    format!("{:16}  {}  {version:8}  {how}", service.name(), place.address())
}
