//! `serve`: ingests the given files, then serves the HTTP API.
//!
//! The address is bound before anything else. Only a loopback address is served without login. Running requests are
//! answered before the process ends.

mod address;
mod body_in_time;
mod catching_up;
mod crm;
mod demo;
mod http_server;
mod welcome;

use std::sync::Arc;

use annals_http::{Login, QueryApi, local_router};
use annals_sqlite::process::{LocalProcess, ProcessTuning};
use axum::Router;
use indicatif::ProgressBar;

use self::address::{bind, login};
use self::catching_up::CatchingUp;
use self::demo::DemoOrg;
use crate::arguments::{Serve, Shared};
use crate::command_side::CommandSide;
use crate::exit::{Exit, Failure};
use crate::ingest::{Mode, ProviderChoice, Report, Sources, ingest};
use crate::interrupt::Interrupt;
use crate::open::local_to_write;
use crate::output::Out;

pub(crate) async fn run(shared: &Shared, arguments: &Serve) -> Result<Exit, Failure> {
    let login = login(arguments)?;
    let needs_token = matches!(login, Login::Tokens(_));
    let sources = Sources::of(&arguments.paths)?;
    let listener = bind(arguments.listen).await?;
    let demo = if arguments.demo_crm { Some(DemoOrg::start(&shared.db).await?) } else { None };
    let process = local_to_write(shared, &arguments.publish, ProcessTuning::default()).await?;
    let connections = match &demo {
        Some(demo) => crate::crm::connections_to(demo.settings().await?)?,
        None => crate::crm::connections().await?,
    };
    let sync = crm::sync(&process, connections, arguments.sync.clone())?;
    let interrupt = Interrupt::watch()?;
    let mut out = Out::beside(&arguments.publish, shared.no_color);
    if !arguments.paths.is_empty() {
        let providers = ProviderChoice::new(None, &process.adapters)?;
        let commands = CommandSide::of(&process).publishing_later();
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
    let catching_up = CatchingUp::start(&process.feed_projector);
    // What is read when the process is interrupted goes on at its last checkpoint.
    tokio::select! {
        () = http_server::serve(listener, router(&process, login), interrupt) => {}
        never = crm::read(sync, &process.crm_reading) => match never {},
    }
    if let Some(working) = working {
        working.abort();
        let _ = working.await;
    }
    // After it has ended the database can be closed, which merges its log into the one file.
    catching_up.stop().await;
    out.line("stopped");
    out.finish()?;
    Ok(Exit::Success)
}

fn router(process: &LocalProcess, login: Login) -> Router {
    let api = QueryApi {
        queries: process.queries.clone(),
        quarantine: process.quarantine.clone(),
        health: Arc::clone(&process.health),
    };
    local_router(Arc::clone(&process.handler), api, login)
}
