//! moto: EventBridge, SNS and SQS on this machine, from Python's package index.
//!
//! Everything is in memory: a start begins with nothing.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use super::answer::Answer;
use super::docker::Image;
use super::{Place, Prepared, Service, maven};
use crate::machine::Need;
use crate::python;

const VERSION: &str = "5.2.5";

/// The service.
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

    /// Its own interface, which nothing else has.
    fn ask(&self, port: u16) -> Answer {
        Answer::to(port, "/moto-api/data.json", |reply| (reply.status == 200).then_some(Answer::Ready(None)))
    }

    fn image(&self) -> Image {
        let name = format!("motoserver/moto:{VERSION}");
        Image { name, port: 5000, environment: Vec::new(), arguments: Vec::new() }
    }

    fn source(&self) -> &'static str {
        "Python's package index"
    }

    fn needs(&self, place: &Place) -> Result<Vec<Need>> {
        Ok(python::needs(&folder(place)).into_iter().collect())
    }

    fn prepare(&self, place: &Place) -> Result<Prepared> {
        let folder = folder(place);
        maven::whole(&folder, |part| {
            // A Docker engine would do as well.
            python::install(part, &format!("moto[server,events,sns,sqs,secretsmanager]=={VERSION}"))
        })?;
        // As a module: the scripts of an environment know only the name under which it was made.
        let mut command = Command::new(folder.join("bin").join("python"));
        command.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &place.port.to_string()]);
        Ok(Prepared::Ready(command))
    }
}

fn folder(place: &Place) -> PathBuf {
    place.home.join(format!("moto-{VERSION}"))
}
