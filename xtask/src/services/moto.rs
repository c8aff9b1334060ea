//! moto: EventBridge, SNS and SQS on this machine, from Python's package index.
//!
//! Everything is in memory: after a start it is empty.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use super::docker::Image;
use super::probe::ProbeResult;
use super::{Instance, Prepared, Service, maven};
use crate::machine::Need;
use crate::python;

const VERSION: &str = "5.2.5";

pub(super) struct Moto;

impl Service for Moto {
    fn name(&self) -> String {
        "moto".to_owned()
    }

    fn id(&self) -> String {
        "moto".to_owned()
    }

    fn version(&self) -> &'static str {
        VERSION
    }

    fn port(&self) -> u16 {
        15555
    }

    fn variable(&self) -> &'static str {
        "ANNALS_TEST_MOTO"
    }

    /// moto's own API, which no other program has.
    fn probe(&self, port: u16) -> ProbeResult {
        ProbeResult::of(port, "/moto-api/data.json", |reply| (reply.status == 200).then_some(ProbeResult::Ready(None)))
    }

    fn image(&self) -> Image {
        let name = format!("motoserver/moto:{VERSION}");
        Image { name, port: 5000, environment: Vec::new(), arguments: Vec::new() }
    }

    fn source(&self) -> &'static str {
        "Python's package index"
    }

    fn needs(&self, instance: &Instance) -> Result<Vec<Need>> {
        Ok(python::needs(&folder(instance)).into_iter().collect())
    }

    fn prepare(&self, instance: &Instance) -> Result<Prepared> {
        let folder = folder(instance);
        maven::create_folder(&folder, |part| {
            python::install(part, &format!("moto[server,events,sns,sqs,secretsmanager]=={VERSION}"))
        })?;
        // As a module: the scripts of an environment contain the path where it was created.
        let mut command = Command::new(folder.join("bin").join("python"));
        command.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &instance.port.to_string()]);
        Ok(Prepared::Ready(command))
    }
}

fn folder(instance: &Instance) -> PathBuf {
    instance.home.join(format!("moto-{VERSION}"))
}
