//! `cargo xtask`: set-up and checks of this workspace.
//!
//! `test` needs only Rust and a C compiler. It installs the rest and then checks everything, step by step, and names
//! the step that fails. It starts the services for the tests and leaves them running. It changes no source file.

mod api;
mod command;
mod machine;
mod package;
mod python;
mod runner;
mod services;
mod sizes;
mod source;
mod steps;
mod tidy;
mod tools;

use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::package::{Architecture, By};
use crate::runner::{OnFailure, Step};

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "Set-up and checks of the Annals workspace")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install the tools that are missing, then check everything.
    Test {
        /// Run the remaining steps after a failure.
        #[arg(long)]
        keep_going: bool,
    },
    /// Check the HTTP API from outside: its document, its published events, and requests made from the document.
    Api,
    /// Check the house rules that neither compiler nor clippy knows.
    Tidy,
    /// Print how large the packages, files and functions are.
    Sizes,
    /// Install the tools that are missing, and nothing else.
    Tools,
    /// Build the functions for Lambda, and check that Lambda can start them.
    Package {
        /// The processor, by its name in the template.
        #[arg(long, value_enum, default_value_t = Architecture::Arm64)]
        architecture: Architecture,
        /// Build with `sam build`, into `.aws-sam`, for `sam local` and `sam deploy`.
        #[arg(long)]
        sam: bool,
    },
    /// The local services for the tests: DynamoDB Local, OpenSearch and moto.
    Services {
        #[command(subcommand)]
        task: ServicesTask,
        /// Is added to the port of each service, for a second set of services.
        #[arg(long, global = true, default_value_t = 0)]
        port_offset: u16,
    },
}

#[derive(Subcommand, Clone, Copy)]
enum ServicesTask {
    /// Start the services that do not run yet, and wait until all are ready.
    Up,
    /// Stop what `up` started.
    Down,
    /// Show which services are ready.
    Status,
}

fn main() -> ExitCode {
    let (steps, on_failure) = match Arguments::parse().task {
        Task::Test { keep_going: true } => (steps::everything(root()), OnFailure::Continue),
        Task::Test { keep_going: false } => (steps::everything(root()), OnFailure::Stop),
        Task::Api => (vec![steps::api(root())], OnFailure::Stop),
        Task::Tidy => (vec![steps::tidy(root())], OnFailure::Stop),
        Task::Sizes => (vec![Step::new("sizes", || sizes::print(root()))], OnFailure::Stop),
        Task::Tools => (tools::steps(root()), OnFailure::Continue),
        Task::Package { architecture, sam } => {
            let by = if sam { By::Sam } else { By::CargoLambda };
            (package::steps(root(), architecture, by), OnFailure::Stop)
        }
        Task::Services { task: ServicesTask::Up, port_offset } => {
            let needs = machine::step(root(), move || services::needs(root(), port_offset));
            (vec![needs, services_step(ServicesTask::Up, port_offset)], OnFailure::Stop)
        }
        Task::Services { task, port_offset } => (vec![services_step(task, port_offset)], OnFailure::Stop),
    };
    run(&steps, on_failure)
}

fn services_step(task: ServicesTask, offset: u16) -> Step {
    Step::new("services", move || match task {
        ServicesTask::Up => services::up(root(), offset),
        ServicesTask::Down => services::down(root(), offset),
        ServicesTask::Status => services::status(root(), offset),
    })
}

fn run(steps: &[Step], on_failure: OnFailure) -> ExitCode {
    let report = runner::run(steps, on_failure);
    print!("\n{report}");
    if report.passed_all() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The workspace's folder: this crate's parent.
fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("this crate is a member folder of the workspace")
}
