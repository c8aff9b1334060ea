//! Docker, if an engine runs.
//!
//! A missing engine or image is not an error: the service then comes from another source. Ports are bound to this
//! machine only.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::Instance;
use crate::command::Cargo;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Engine {
    Runs,
    None,
}

/// An image, and how a service is run from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Image {
    pub(super) name: String,
    /// The port in the container.
    pub(super) port: u16,
    pub(super) environment: Vec<String>,
    pub(super) arguments: Vec<String>,
}

/// A container that this command started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Container {
    name: String,
    root: PathBuf,
}

pub(super) fn engine(root: &Path) -> Engine {
    match ask(root, "info --format {{.ServerVersion}}") {
        Some(_) => Engine::Runs,
        None => Engine::None,
    }
}

/// Starts the container of an instance, after removing an earlier one.
pub(super) fn run(image: &Image, instance: &Instance) -> Result<Container> {
    let container = Container::new(&format!("annals-{}", instance.key), &instance.root);
    ask(&instance.root, &format!("rm --force {}", container.name));
    println!("$ docker run {}", image.name);
    let output = Command::new("docker").args(image.run_arguments(&container.name, instance.port)).output();
    let output = output.context("`docker` did not start")?;
    ensure!(output.status.success(), "`docker run`: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(container)
}

impl Image {
    /// Whether the engine has the image or can pull it.
    pub(super) fn is_available(&self, root: &Path) -> bool {
        if ask(root, &format!("image inspect {}", self.name)).is_some() {
            return true;
        }
        let pulled = Cargo::program("docker", root, &format!("pull --quiet {}", self.name)).run();
        if let Err(error) = &pulled {
            println!("not from Docker: {error:#}");
        }
        pulled.is_ok()
    }

    fn run_arguments(&self, container: &str, port: u16) -> Vec<String> {
        let publish = format!("127.0.0.1:{port}:{}", self.port);
        let mut arguments = ["run", "--detach", "--name", container, "--publish", &publish].map(str::to_owned).to_vec();
        for variable in &self.environment {
            arguments.extend(["--env".to_owned(), variable.clone()]);
        }
        arguments.push(self.name.clone());
        arguments.extend(self.arguments.iter().cloned());
        arguments
    }
}

impl Container {
    pub(super) fn new(name: &str, root: &Path) -> Self {
        Self { name: name.to_owned(), root: root.to_owned() }
    }

    pub(super) fn is_alive(&self) -> bool {
        let state = ask(&self.root, &format!("inspect --format {{{{.State.Running}}}} {}", self.name));
        state.is_some_and(|state| state.trim() == "true")
    }

    pub(super) fn stop(&self) -> Result<()> {
        let removed = ask(&self.root, &format!("rm --force --volumes {}", self.name));
        removed.map(drop).with_context(|| format!("container `{}` could not be stopped", self.name))
    }

    /// Its standard output and its standard error, one after the other.
    pub(super) fn log(&self) -> String {
        let output = Command::new("docker").args(["logs", "--tail", "30", &self.name]).stdin(Stdio::null()).output();
        output.map_or_else(
            |_| String::new(),
            |output| {
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                text(&output.stdout) + &text(&output.stderr)
            },
        )
    }
}

impl fmt::Display for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

fn ask(root: &Path, arguments: &str) -> Option<String> {
    Cargo::program("docker", root, arguments).ask()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_has_a_name_a_local_port_and_its_settings() {
        let image = Image {
            name: "a/b:1".to_owned(),
            port: 9200,
            environment: vec!["K=v w".to_owned()],
            arguments: vec!["-x".to_owned()],
        };
        let expected =
            ["run", "--detach", "--name", "n", "--publish", "127.0.0.1:19200:9200", "--env", "K=v w", "a/b:1", "-x"];
        assert_eq!(image.run_arguments("n", 19200), expected);
    }
}
