//! AWS's runtime interface emulator, which has AWS's own implementation of the Runtime API.
//!
//! A test fails if the emulator is not installed, and says how to install it.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use annals_services::workspace;
use axum::http::Method;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::functions::http::send;
use crate::functions::invocation::InvocationResult;
use crate::functions::process::Process;

/// The variable with the path of the emulator, and the default path.
const VARIABLE: &str = "ANNALS_RIE";
const FILE: &str = "target/services/rie/aws-lambda-rie";

const START: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(20);

/// A running emulator with its function.
pub(crate) struct Emulator {
    process: Process,
    url: String,
}

impl Emulator {
    /// Starts the emulator, which starts the function with the first invocation.
    pub(crate) async fn start(binary: &Path, environment: &BTreeMap<String, String>) -> Self {
        let (port, api) = (free_port(), free_port());
        let mut command = Command::new(emulator());
        command.arg("--runtime-interface-emulator-address").arg(format!("127.0.0.1:{port}"));
        command.arg("--runtime-api-address").arg(format!("127.0.0.1:{api}"));
        command.args(["--log-level", "error"]).arg(binary);
        let mut process = Process::start(&mut command, environment);
        let until = Instant::now() + START;
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = process.ended();
            assert!(ended.is_none() && Instant::now() < until, "no emulator: {ended:?} {}", process.errors());
            sleep(LOOK).await;
        }
        Self { process, url: format!("http://127.0.0.1:{port}/2015-03-31/functions/function/invocations") }
    }

    /// Invokes the function.
    pub(crate) async fn invoke(&mut self, payload: &str) -> InvocationResult {
        let reply = send(Method::POST, &self.url, payload).await.expect("the emulator answers");
        let body = String::from_utf8(reply.body.to_vec()).expect("an answer is UTF-8");
        let is_error = |value: Value| value.get("errorType").is_some() && value.get("errorMessage").is_some();
        let outcome = if serde_json::from_str(&body).is_ok_and(is_error) { Err(body) } else { Ok(body) };
        // The emulator prints the lines of the function among its own lines.
        let lines = self.process.lines().into_iter().filter(|line| line.starts_with('{')).collect();
        InvocationResult { outcome, lines, errors: self.process.errors() }
    }
}

fn emulator() -> PathBuf {
    let path = workspace().join(std::env::var_os(VARIABLE).unwrap_or_else(|| FILE.into()));
    assert!(
        path.is_file(),
        "`{}` is not there: start the local services with `cargo xtask services up`",
        path.display()
    );
    path
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("there is a free port");
    listener.local_addr().expect("a listener has an address").port()
}
