//! One start of a function, from exec to its first poll for an invocation.

use std::fs;
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

/// The time limit of a start.
const LONGEST: Duration = Duration::from_secs(20);
const NEXT: &str = "/2018-06-01/runtime/invocation/next";

/// The environment of a function. None of the endpoints is called before the first poll.
const ENVIRONMENT: [(&str, &str); 11] = [
    ("AWS_REGION", "us-east-1"),
    ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY", "secret"),
    ("AWS_SESSION_TOKEN", "token"),
    ("AWS_LAMBDA_FUNCTION_NAME", "function"),
    ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
    ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
    ("ANNALS_EVENTS_TABLE", "annals-events"),
    ("ANNALS_STATE_TABLE", "annals-state"),
    ("ANNALS_OPENSEARCH_ENDPOINT", "https://search.example.us-east-1.es.amazonaws.com"),
    ("LANG", "C.UTF-8"),
];

/// The measurements of a start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Start {
    /// Processor time of all threads, in user and system mode.
    pub(crate) cpu: Duration,
    /// Resident bytes.
    pub(crate) memory: u64,
}

/// Lambda's Runtime API, up to the first poll.
pub(crate) struct RuntimeApi(TcpListener);

impl RuntimeApi {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(TcpListener::bind(("127.0.0.1", 0))?))
    }

    /// Starts a function and ends it at its first poll. The root certificates are those in `roots`, or
    /// all that the system has in files and folders.
    pub(crate) fn start(&self, function: &Path, arguments: &[&str], roots: Option<&str>) -> Result<Start> {
        let mut command = Command::new(function);
        command.env_clear().envs(ENVIRONMENT).env("AWS_LAMBDA_RUNTIME_API", self.0.local_addr()?.to_string());
        command.envs(roots.map(|roots| ("SSL_CERT_FILE", roots)));
        let mut child = command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let start = self.polled().and_then(|_held| measured(&child)).with_context(|| format!("{}", function.display()));
        end(&mut child)?;
        start
    }

    /// Waits for a poll. Returns the connection, which must stay open until the function is measured.
    fn polled(&self) -> Result<TcpStream> {
        self.0.set_nonblocking(true)?;
        let begin = std::time::Instant::now();
        let mut stream = loop {
            match self.0.accept() {
                Ok((stream, _)) => break stream,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    ensure!(begin.elapsed() < LONGEST, "it does not poll");
                    std::thread::sleep(Duration::from_micros(200));
                }
                Err(error) => return Err(error.into()),
            }
        };
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(LONGEST))?;
        let (mut request, mut buffer) = (Vec::new(), [0; 4096]);
        while !request.ends_with(b"\r\n\r\n") {
            match stream.read(&mut buffer)? {
                0 => bail!("it ends before it polls"),
                count => request.extend_from_slice(&buffer[..count]),
            }
        }
        let line = String::from_utf8_lossy(&request);
        ensure!(line.starts_with(&format!("GET {NEXT} ")), "it asks for something else first");
        Ok(stream)
    }
}

fn measured(child: &Child) -> Result<Start> {
    let process = format!("/proc/{}", child.id());
    let mut nanos = 0;
    for task in fs::read_dir(format!("{process}/task"))? {
        let text = fs::read_to_string(task?.path().join("schedstat"))?;
        nanos += text.split(' ').next().context("the time on a processor")?.parse::<u64>()?;
    }
    let status = fs::read_to_string(format!("{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("its resident memory")?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(Start { cpu: Duration::from_nanos(nanos), memory: kilobytes * 1024 })
}

fn end(child: &mut Child) -> Result<()> {
    child.kill()?;
    child.wait()?;
    Ok(())
}
