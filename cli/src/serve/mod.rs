//! `serve`: ingests the given files, then serves the HTTP API.
//!
//! The address is bound before anything else. Only a loopback address is served without login. Running requests are
//! answered before the process ends.

mod address;
mod crm;
mod demo;
mod welcome;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use annals_application::log_chain;
use annals_application::projection::FeedProjector;
use annals_http::{Login, QueryApi, local_router};
use annals_sqlite::process::{LocalProcess, ProjectionTiming};
use axum::Router;
use indicatif::ProgressBar;
use tokio::net::TcpListener;
use tokio::time::MissedTickBehavior;

use self::address::{bind, login};
use self::demo::DemoOrg;
use crate::arguments::{Serve, Shared};
use crate::command_side::CommandSide;
use crate::exit::{Exit, Failure};
use crate::ingest::{Mode, ProviderChoice, Report, Sources, ingest};
use crate::interrupt::Interrupt;
use crate::open::local_to_write;
use crate::output::Out;

/// How often events that other processes stored are looked for.
const CATCH_UP_EVERY: Duration = Duration::from_secs(1);
/// How long running requests may take after a stop is requested.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) async fn run(shared: &Shared, arguments: &Serve) -> Result<Exit, Failure> {
    let login = login(arguments)?;
    let needs_token = matches!(login, Login::Tokens(_));
    let sources = Sources::of(&arguments.paths)?;
    let listener = bind(arguments.listen).await?;
    let demo = if arguments.demo_crm { Some(DemoOrg::start(&shared.db).await?) } else { None };
    let process = local_to_write(shared, &arguments.publish, ProjectionTiming::BeforeAnswer).await?;
    let connections = match &demo {
        Some(demo) => crate::crm::connections_to(demo.settings().await?)?,
        None => crate::crm::connections().await?,
    };
    let sync = crm::sync(&process, connections, arguments.sync)?;
    let interrupt = Interrupt::watch()?;
    let mut out = Out::beside(&arguments.publish, shared.no_color);
    if !arguments.paths.is_empty() {
        let providers = ProviderChoice::new(None, &process.adapters)?;
        let commands = CommandSide::of(&process);
        let mut report = Report::new(Mode::Lines, out, ProgressBar::hidden());
        let bar = ProgressBar::hidden();
        let summary = ingest(&commands, sources, providers, interrupt.clone(), &mut report, bar).await?;
        out = report.finish(&summary);
        if !summary.is_complete() {
            out.finish()?;
            return summary.exit();
        }
    }
    let address = listener.local_addr().map_err(|error| Failure::new(format!("no address: {error}")))?;
    welcome::write(&mut out, address, needs_token, &process).await;
    if let Some(demo) = &demo {
        DemoOrg::request_backfills(&process).await?;
        demo.introduce(&mut out);
    }
    out.flush();
    let working = demo.map(|demo| tokio::spawn(demo.work(Arc::clone(&process.handler))));
    let catching_up = tokio::spawn(catch_up(Arc::clone(&process.feed_projector)));
    // What is read when the process is interrupted goes on at its last checkpoint.
    let served = tokio::select! {
        served = serve_until_interrupted(listener, router(&process, login), interrupt) => served,
        never = crm::read(sync) => match never {},
    };
    if let Some(working) = working {
        working.abort();
        let _ = working.await;
    }
    catching_up.abort();
    // After it has ended the database can be closed, which merges its log into the one file.
    let _ = catching_up.await;
    served.map_err(|error| Failure::new(format!("serving on {address} failed: {error}")))?;
    out.line("stopped");
    out.finish()?;
    Ok(Exit::Success)
}

fn router(process: &LocalProcess, login: Login) -> Router {
    let api = QueryApi {
        queries: process.queries.clone(),
        quarantine: process.handler.quarantine().clone(),
        health: Arc::clone(&process.health),
    };
    local_router(Arc::clone(&process.handler), api, login)
}

async fn serve_until_interrupted(listener: TcpListener, router: Router, interrupt: Interrupt) -> io::Result<()> {
    let (mut graceful, mut forced) = (interrupt.clone(), interrupt);
    let serving = axum::serve(listener, router).with_graceful_shutdown(async move { graceful.requested().await });
    let timeout = async move {
        forced.requested().await;
        tokio::time::sleep(SHUTDOWN_TIMEOUT).await;
    };
    tokio::select! {
        served = serving => served,
        () = timeout => Ok(()),
    }
}

/// Projects the events that other processes store in the same database.
async fn catch_up(feed_projector: Arc<FeedProjector>) {
    let mut ticks = tokio::time::interval(CATCH_UP_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = feed_projector.catch_up().await {
            tracing::error!(error = %log_chain(&error), "projection failed; trying again in a second");
        }
    }
}
