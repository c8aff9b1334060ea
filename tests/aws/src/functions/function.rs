//! A function as its callers see it.
//!
//! Processes are managed as in Lambda: the first invocation starts one, which is kept. A process that has
//! ended or timed out is replaced for the next invocation.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use annals_lambda::settings;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::sleep;

use crate::functions::binaries::binary;
use crate::functions::emulator::Emulator;
use crate::functions::invocation::InvocationResult;
use crate::functions::process::Process;
use crate::functions::role::Role;
use crate::functions::runtime_api::{Outcome, RuntimeApi};

/// The default timeout of an invocation.
const TIMEOUT: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(5);

/// The Runtime API that the function runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// The one of this crate.
    Own,
    /// AWS's runtime interface emulator.
    Emulator,
}

/// A deployed function.
pub struct Function {
    function: settings::Function,
    environment: BTreeMap<String, String>,
    host: Host,
    timeout: Duration,
    running: Mutex<Option<Running>>,
    /// The role, whose proxies stand between the function and its services.
    role: Option<Role>,
}

enum Running {
    Own(RuntimeApi, Process),
    Emulator(Emulator),
}

impl Function {
    /// A function with this environment.
    pub fn new(function: settings::Function, environment: BTreeMap<String, String>) -> Self {
        Self { function, environment, host: Host::Own, timeout: TIMEOUT, running: Mutex::default(), role: None }
    }

    /// The same with a role, which checks its requests.
    pub(crate) fn under(self, role: Role) -> Self {
        let (dynamodb, opensearch) = (role.dynamodb.endpoint(), role.opensearch.endpoint());
        let mut this = Self { role: Some(role), ..self }.with("AWS_ENDPOINT_URL_DYNAMODB", &dynamodb);
        if this.environment.contains_key(settings::OPENSEARCH_ENDPOINT) {
            this = this.with(settings::OPENSEARCH_ENDPOINT, &opensearch);
        }
        this
    }

    /// The same on this Runtime API.
    pub fn on(self, host: Host) -> Self {
        Self { host, ..self }
    }

    /// The same with this timeout for an invocation.
    pub fn within(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// The same with an environment variable set.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Invokes it and waits for the response.
    pub async fn invoke(&self, payload: &str) -> InvocationResult {
        let mut running = self.running.lock().await;
        if running.is_none() {
            *running = Some(self.start().await);
        }
        let Some(on) = running.as_mut() else { unreachable!("it was started") };
        let (answer, goes_on) = match on {
            Running::Own(api, process) => own(api, process, payload, self.timeout).await,
            Running::Emulator(emulator) => (emulator.invoke(payload).await, true),
        };
        if !goes_on {
            *running = None;
        }
        if let Some(role) = &self.role {
            role.forget();
        }
        answer
    }

    /// Invokes it with a value.
    pub async fn invoke_with(&self, payload: &Value) -> InvocationResult {
        self.invoke(&payload.to_string()).await
    }

    /// Ends its process, so that the next invocation is a cold start.
    pub async fn stop(&self) {
        *self.running.lock().await = None;
    }

    async fn start(&self) -> Running {
        let (binary, name) = (binary(self.function), self.function.name());
        let mut environment = self.environment.clone();
        let of_lambda = [
            ("AWS_LAMBDA_FUNCTION_NAME", name.to_owned()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256".to_owned()),
            ("AWS_LAMBDA_FUNCTION_TIMEOUT", self.timeout.as_secs().to_string()),
            ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/annals/{name}")),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "tests".to_owned()),
        ];
        environment.extend(of_lambda.map(|(name, value)| (name.to_owned(), value)));
        if self.host == Host::Emulator {
            return Running::Emulator(Emulator::start(&binary, &environment).await);
        }
        let api = RuntimeApi::start(name).await;
        environment.insert("AWS_LAMBDA_RUNTIME_API".to_owned(), api.authority());
        Running::Own(api, Process::start(&mut Command::new(binary), &environment))
    }
}

/// Invokes it on the Runtime API of this crate. Also returns whether the process can be invoked again.
async fn own(api: &RuntimeApi, process: &mut Process, payload: &str, timeout: Duration) -> (InvocationResult, bool) {
    let outcome = api.invoke(payload, timeout);
    let ended = async {
        loop {
            if let Some(status) = process.ended() {
                return status;
            }
            sleep(LOOK).await;
        }
    };
    let (outcome, goes_on): (Outcome, bool) = tokio::select! {
        outcome = outcome => (outcome.expect("the API keeps a request until it is answered"), true),
        status = ended => {
            let init_error = api.init_error();
            let message = format!("the process ended: {status}");
            let error = json!({ "errorType": "Runtime.ExitError", "errorMessage": message }).to_string();
            (Err(init_error.unwrap_or(error)), false)
        }
        () = sleep(timeout) => {
            let message = format!("timed out after {} s", timeout.as_secs());
            (Err(json!({ "errorType": "Sandbox.Timedout", "errorMessage": message }).to_string()), false)
        }
    };
    (InvocationResult { outcome, lines: process.lines(), errors: process.errors() }, goes_on)
}
