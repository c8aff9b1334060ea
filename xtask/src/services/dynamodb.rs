//! DynamoDB Local, with streams, from AWS's own distribution.
//!
//! Everything is in memory: after a start there are no tables.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::docker::Image;
use super::jdk::Jdk;
use super::probe::ProbeResult;
use super::{Instance, Prepared, Service, maven};
use crate::machine::Need;

const VERSION: &str = "2.6.1";
const JAVA: RangeInclusive<u32> = 17..=u32::MAX;

pub(super) struct DynamoDbLocal;

impl Service for DynamoDbLocal {
    fn name(&self) -> String {
        "DynamoDB Local".to_owned()
    }

    fn id(&self) -> String {
        "dynamodb-local".to_owned()
    }

    fn version(&self) -> &'static str {
        VERSION
    }

    fn port(&self) -> u16 {
        18000
    }

    fn variable(&self) -> &'static str {
        "ANNALS_TEST_DYNAMODB"
    }

    /// A request without credentials is refused with an error of DynamoDB.
    fn probe(&self, port: u16) -> ProbeResult {
        ProbeResult::of(port, "/", |reply| {
            reply.body.contains("com.amazonaws.dynamodb").then_some(ProbeResult::Ready(None))
        })
    }

    fn image(&self) -> Image {
        let arguments = ["-Xmx2g", "-jar", "DynamoDBLocal.jar", "-inMemory", "-sharedDb", "-disableTelemetry"];
        Image {
            name: format!("amazon/dynamodb-local:{VERSION}"),
            port: 8000,
            environment: Vec::new(),
            arguments: arguments.map(str::to_owned).to_vec(),
        }
    }

    fn source(&self) -> &'static str {
        "Maven"
    }

    fn needs(&self, instance: &Instance) -> Result<Vec<Need>> {
        Ok([Need::Java(JAVA)].into_iter().chain(maven::needs(&libraries(instance))).collect())
    }

    fn prepare(&self, instance: &Instance) -> Result<Prepared> {
        let jdk = Jdk::find(&JAVA);
        let jdk = jdk.context("DynamoDB Local needs Java 17 or later (Debian: apt-get install openjdk-17-jre-headless), or a Docker engine")?;
        let libraries = libraries(instance);
        maven::libraries(&format!("com.amazonaws:DynamoDBLocal:{VERSION}"), &libraries, &jdk)?;
        let mut command = Command::new(jdk.java());
        command.current_dir(&libraries).args(["-Xms128m", "-Xmx2g", "-Djava.library.path=.", "-cp", "*"]);
        command.args(["com.amazonaws.services.dynamodbv2.local.main.ServerRunner", "-inMemory", "-sharedDb"]);
        command.args(["-disableTelemetry", "-port", &instance.port.to_string()]);
        Ok(Prepared::Ready(command))
    }
}

fn libraries(instance: &Instance) -> PathBuf {
    instance.home.join(format!("dynamodb-local-{VERSION}"))
}
