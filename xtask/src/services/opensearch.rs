//! OpenSearch, one node of each supported line.
//!
//! Maven has the minimal distribution, Docker the full one, whose security is switched off. A new node has no indices.
//! The older line is required, the newer is optional: it needs a newer Java.

use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use super::docker::Image;
use super::jdk::Jdk;
use super::probe::{HttpResponse, ProbeResult};
use super::{Instance, Prepared, Service, account, maven, start};
use crate::machine::Need;

const HEAP: &str = "-Xms512m -Xmx512m";

/// One node, for tests that create many small indices and must not depend on free disk space.
const SETTINGS: [&str; 3] = [
    "discovery.type=single-node",
    "cluster.max_shards_per_node=20000",
    "cluster.routing.allocation.disk.threshold_enabled=false",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OpenSearch {
    V2,
    V3,
}

impl OpenSearch {
    /// The beginning of the line's version numbers.
    fn line(self) -> &'static str {
        match self {
            Self::V2 => "2.19.",
            Self::V3 => "3.",
        }
    }

    /// The older line uses what Java 24 removed.
    fn java(self) -> RangeInclusive<u32> {
        match self {
            Self::V2 => 11..=23,
            Self::V3 => 21..=u32::MAX,
        }
    }

    fn judge(self, reply: &HttpResponse) -> Option<ProbeResult> {
        let body: serde_json::Value = serde_json::from_str(&reply.body).ok()?;
        let number = body["version"]["number"].as_str()?;
        if number.starts_with(self.line()) {
            return Some(ProbeResult::Ready(Some(number.to_owned())));
        }
        Some(ProbeResult::Other(format!("it is OpenSearch {number}")))
    }

    /// The folder of the unpacked distribution.
    fn folder(self, home: &Path) -> PathBuf {
        home.join(self.id())
    }

    fn without_java(self) -> Result<Prepared> {
        match self {
            Self::V2 => bail!(
                "OpenSearch 2.x needs Java 11 to 23 (Debian: apt-get install openjdk-17-jre-headless), or a Docker engine"
            ),
            Self::V3 => Ok(Prepared::Absent(
                "there is neither a JDK of 21 or later nor a Docker engine with its image".to_owned(),
            )),
        }
    }
}

impl Service for OpenSearch {
    fn name(&self) -> String {
        match self {
            Self::V2 => "OpenSearch 2.19".to_owned(),
            Self::V3 => "OpenSearch 3.x".to_owned(),
        }
    }

    fn id(&self) -> String {
        format!("opensearch-{}", self.version())
    }

    fn version(&self) -> &'static str {
        match self {
            Self::V2 => "2.19.3",
            Self::V3 => "3.3.0",
        }
    }

    fn port(&self) -> u16 {
        match self {
            Self::V2 => 19200,
            Self::V3 => 19300,
        }
    }

    fn variable(&self) -> &'static str {
        match self {
            Self::V2 => "ANNALS_TEST_OPENSEARCH_2",
            Self::V3 => "ANNALS_TEST_OPENSEARCH_3",
        }
    }

    fn probe(&self, port: u16) -> ProbeResult {
        match ProbeResult::of(port, "/", |reply| self.judge(reply)) {
            // It responds with its version before it can create an index.
            ProbeResult::Ready(version) => {
                ProbeResult::of(port, "/_cluster/health?timeout=2s&wait_for_status=yellow", |reply| {
                    (reply.status == 200).then_some(ProbeResult::Ready(version))
                })
            }
            other => other,
        }
    }

    fn image(&self) -> Image {
        let mut environment = SETTINGS.map(str::to_owned).to_vec();
        environment.push(format!("OPENSEARCH_JAVA_OPTS={HEAP}"));
        environment.extend(["DISABLE_SECURITY_PLUGIN=true", "DISABLE_INSTALL_DEMO_CONFIG=true"].map(str::to_owned));
        let name = format!("opensearchproject/opensearch:{}", self.version());
        Image { name, port: 9200, environment, arguments: Vec::new() }
    }

    fn source(&self) -> &'static str {
        "Maven"
    }

    /// Without a Java for the newer line, Maven is not needed for it either.
    fn needs(&self, instance: &Instance) -> Result<Vec<Need>> {
        if *self == Self::V3 && Jdk::find(&self.java()).is_none() {
            return Ok(Vec::new());
        }
        let folder = self.folder(&account::reachable(&instance.home)?);
        Ok([Need::Java(self.java())].into_iter().chain(maven::needs(&folder)).collect())
    }

    fn prepare(&self, instance: &Instance) -> Result<Prepared> {
        let Some(jdk) = Jdk::find(&self.java()) else { return self.without_java() };
        let (version, home) = (self.version(), account::reachable(&instance.home)?);
        let folder = self.folder(&home);
        let artifact = format!("org.opensearch.distribution.integ-test-zip:opensearch:{version}:zip");
        maven::archive(&artifact, &format!("opensearch-{version}"), &folder, &jdk)?;
        account::give_folder_to_account(&folder)?;
        let own = own_folder(&home, instance)?;
        let mut command = account::unprivileged(&folder.join("bin").join("opensearch"));
        command.current_dir(&folder).env("HOME", &own).env("OPENSEARCH_TMPDIR", own.join("tmp"));
        command.env("OPENSEARCH_JAVA_HOME", &jdk.home).env("OPENSEARCH_JAVA_OPTS", HEAP);
        command.args(SETTINGS.map(|setting| format!("-E{setting}")));
        command.args([format!("-Ehttp.port={}", instance.port), "-Enetwork.host=127.0.0.1".to_owned()]);
        // Nobody uses the transport's port, so any free one is fine.
        command.arg("-Etransport.port=0");
        for name in ["data", "logs"] {
            command.arg(format!("-Epath.{name}={}", own.join(name).display()));
        }
        Ok(Prepared::Ready(command))
    }

    fn absence(&self, home: &Path) -> Option<PathBuf> {
        (*self == Self::V3).then(|| home.join("opensearch-3.absent"))
    }
}

/// The folder for this node's own files, empty.
fn own_folder(home: &Path, instance: &Instance) -> Result<PathBuf> {
    let own = home.join("run").join(&instance.key).join("node");
    start::renew(&own)?;
    for name in ["data", "logs", "tmp"] {
        fs::create_dir(own.join(name))?;
    }
    account::give_folder_to_account(&own)?;
    Ok(own)
}
