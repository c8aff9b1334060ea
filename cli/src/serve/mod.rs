//! `serve`: takes in what it is given, then serves the HTTP API.
//!
//! Promises that the address is taken before anything else is done, that nothing but loopback is
//! served without a login, and that requests under way are answered before it ends.

mod address;
mod welcome;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use annals_application::log_chain;
use annals_application::projection::FeedProjector;
use annals_http::{Login, QueryApi, local_router};
use annals_sqlite::process::{LocalProcess, Projecting};
use axum::Router;
use indicatif::ProgressBar;
use tokio::net::TcpListener;
use tokio::time::MissedTickBehavior;

use self::address::{bind, login};
use crate::arguments::{Serve, Shared};
use crate::exit::{Exit, Failure};
use crate::ingest::{Mode, ProviderChoice, Report, Sources, take_in};
use crate::interrupt::Interrupt;
use crate::opening::{Opened, local_to_write};
use crate::output::Out;

/// How often it is looked for what other processes have appended.
const CATCH_UP_EVERY: Duration = Duration::from_secs(1);
/// How long requests under way may take once someone asked to stop.
const LAST_REQUESTS: Duration = Duration::from_secs(10);

/// Runs the command.
pub(crate) async fn run(shared: &Shared, serve: &Serve) -> Result<Exit, Failure> {
    let login = login(serve)?;
    let needs_token = matches!(login, Login::Tokens(_));
    let sources = Sources::of(&serve.paths)?;
    let listener = bind(serve.listen).await?;
    let process = local_to_write(shared, &serve.publish, Projecting::BeforeAnswer).await?;
    let interrupt = Interrupt::watch()?;
    let mut out =
        if serve.publish.takes_stdout() { Out::stderr(shared.no_color) } else { Out::stdout(shared.no_color) };
    if !serve.paths.is_empty() {
        let providers = ProviderChoice::new(None, &process.adapters)?;
        let opened = Opened::locally(&process);
        let mut report = Report::new(Mode::Lines, out, ProgressBar::hidden());
        let tally = take_in(&opened, sources, providers, interrupt.clone(), &mut report, ProgressBar::hidden()).await?;
        out = report.finish(&tally);
        if !tally.is_whole() {
            out.finish()?;
            return tally.exit();
        }
    }
    let address = listener.local_addr().map_err(|error| Failure::new(format!("no address: {error}")))?;
    welcome::write(&mut out, address, needs_token, &process).await;
    out.flush();
    let catching_up = tokio::spawn(catch_up(Arc::clone(&process.feed_projector)));
    let served = serve_until_asked(listener, router(&process, login), interrupt).await;
    catching_up.abort();
    // Once it is gone the database can be closed, and its log goes into its one file.
    let _ = catching_up.await;
    served.map_err(|error| Failure::new(format!("serving {address} failed: {error}")))?;
    out.line("stopped");
    out.finish()?;
    Ok(Exit::Well)
}

fn router(process: &LocalProcess, login: Login) -> Router {
    let api = QueryApi {
        queries: process.queries.clone(),
        quarantine: process.handler.quarantine().clone(),
        health: Arc::clone(&process.health),
    };
    local_router(Arc::clone(&process.handler), api, login)
}

async fn serve_until_asked(listener: TcpListener, router: Router, interrupt: Interrupt) -> io::Result<()> {
    let (mut graceful, mut final_word) = (interrupt.clone(), interrupt);
    let serving = axum::serve(listener, router).with_graceful_shutdown(async move { graceful.asked().await });
    let out_of_patience = async move {
        final_word.asked().await;
        tokio::time::sleep(LAST_REQUESTS).await;
    };
    tokio::select! {
        served = serving => served,
        () = out_of_patience => Ok(()),
    }
}

/// Projects what other processes append to the same database.
async fn catch_up(feed_projector: Arc<FeedProjector>) {
    let mut ticks = tokio::time::interval(CATCH_UP_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = feed_projector.catch_up().await {
            tracing::error!(error = %log_chain(&error), "projection is behind");
        }
    }
}
