//! What `cargo xtask test` checks, in order: quick and local checks first.
//!
//! Every check prints its command. Tests run in the caller's environment (with `ANNALS_SAMPLES`), except for the
//! variables that would let a test rewrite its snapshots.

use std::cell::Cell;
use std::path::Path;
use std::rc::Rc;
use std::thread::{self, JoinHandle};

use anyhow::{Result, anyhow, ensure};

use crate::command::Cargo;
use crate::runner::{Outcome, Step};
use crate::{api, machine, python, services, tidy, tools};

/// Builds the functions apart from the tests, whose features they do not have when deployed, and `hello`, to which the
/// benchmarks compare them. In the profile of the tests: an optimised build takes longer than all that they run here.
const FUNCTIONS: &str = "build -p annals-lambda -p annals-ingest -p annals-projection -p annals-query -p annals-backfill --bins --example hello";

/// Set-up, then all checks.
pub(crate) fn everything(root: &'static Path) -> Vec<Step> {
    let services = Rc::new(Services::default());
    let needs = move || {
        let mut needs = services::needs(root, 0)?;
        needs.extend(python::needs_of_checks(root));
        Ok(needs)
    };
    let mut steps = vec![machine::step(root, needs), services.start(root)];
    steps.extend(tools::steps(root));
    steps.push(tidy(root));
    steps.push(cargo(root, "format", "fmt --all --check"));
    steps.push(Step::new("template", move || done(python::check_template(root))));
    steps.push(Step::new("services", move || services.wait(root)));
    steps.push(Step::new("runtime interface emulator", move || done(python::fetch_emulator(root))));
    steps.extend(code(root));
    steps.extend(dependencies(root));
    steps.extend(benchmarks(root));
    steps
}

/// The services for the tests. They are fetched and started while the tools compile: one waits for the network, the
/// other for the processor. They keep running, so that the next run need not start them.
#[derive(Default)]
struct Services(Cell<Option<JoinHandle<Result<Outcome>>>>);

impl Services {
    fn start(self: &Rc<Self>, root: &'static Path) -> Step {
        let this = Rc::clone(self);
        Step::new("services, start", move || {
            this.0.set(Some(thread::spawn(move || services::up(root, 0))));
            Ok(Outcome::Done)
        })
    }

    fn wait(&self, root: &Path) -> Result<Outcome> {
        match self.0.take() {
            Some(thread) => thread.join().map_err(|_| anyhow!("the thread that starts the services panicked"))?,
            None => services::up(root, 0),
        }
    }
}

pub(crate) fn tidy(root: &'static Path) -> Step {
    Step::new("tidy", move || {
        let report = tidy::check(root)?;
        for finding in &report.findings {
            println!("{finding}");
        }
        ensure!(report.findings.is_empty(), "house rules broken: {}", report.findings.len());
        Ok(Outcome::DoneWith(format!("{} files", report.files)))
    })
}

pub(crate) fn api(root: &'static Path) -> Step {
    Step::new("api", move || done(api::check(root)))
}

fn code(root: &'static Path) -> Vec<Step> {
    // All with the same features, so that each dependency is compiled once for clippy and once for the tests. xtask goes
    // alone: it needs a feature of proc-macro2 with which every procedural macro, and all that uses one, would be
    // compiled twice.
    vec![
        cargo(root, "clippy of xtask", "clippy -p xtask --all-targets -- -D warnings"),
        cargo(root, "clippy", "clippy --workspace --exclude xtask --all-targets --all-features -- -D warnings"),
        cargo(root, "functions", FUNCTIONS),
        Step::new("tests of xtask", move || done(Cargo::new(root, "nextest run -p xtask").run())),
        Step::new("tests", move || {
            let command = Cargo::new(root, "nextest run --workspace --exclude xtask --all-features");
            let command = command.env("ANNALS_FUNCTIONS_DIR", "target/debug");
            done(command.env("INSTA_UPDATE", "no").without_env("INSTA_FORCE_PASS").run())
        }),
        api(root),
        cargo(root, "doc tests", "test --doc --workspace --exclude xtask --all-features"),
        Step::new("docs", move || {
            let command = Cargo::new(root, "doc --no-deps --workspace --exclude xtask --all-features");
            done(command.env("RUSTDOCFLAGS", "-D warnings").run())
        }),
    ]
}

fn dependencies(root: &'static Path) -> Vec<Step> {
    vec![
        cargo(root, "licences, bans, sources", "deny check licenses bans sources"),
        Step::new("advisories", move || advisories(root)),
        cargo(root, "unused dependencies", "machete"),
    ]
}

/// The benchmarks with small sizes and not optimised: this checks that they run, not their figures.
fn benchmarks(root: &'static Path) -> Vec<Step> {
    vec![cargo(root, "benchmarks, small", "bench --profile dev --package annals-benches -- --small")]
}

/// Checks against the advisory database, which is fetched first. Without network the check is reported as not done;
/// an advisory is always a failure.
fn advisories(root: &Path) -> Result<Outcome> {
    if let Err(error) = Cargo::new(root, "deny fetch db").run() {
        return Ok(Outcome::NotChecked(format!("the advisory database cannot be fetched ({error})")));
    }
    done(Cargo::new(root, "deny check advisories").run())
}

fn cargo(root: &'static Path, name: &str, arguments: &'static str) -> Step {
    Step::new(name, move || done(Cargo::new(root, arguments).run()))
}

fn done(result: Result<()>) -> Result<Outcome> {
    result.map(|()| Outcome::Done)
}
