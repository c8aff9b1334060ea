//! The backfill function. Each minute it redrives parked projections and continues a rebuild; behind API Gateway it
//! requests, shows, pauses, resumes and cancels backfills.
//!
//! It stops before its timeout and continues in the next minute. It does not invoke itself: Lambda stops such loops.
//! No CRM is connected yet, so refetch tasks and backfill jobs wait and are counted.

mod due;
mod input;

use std::sync::Arc;

use annals_application::backfill::Backfill;
use annals_application::system::SystemClock;
use annals_aws::client::{Environment, Trust, connect};
use annals_aws::publisher::publisher;
use annals_aws::rebuild::RebuildSettings;
use annals_http::{Login, backfill_router};
use annals_lambda::settings::{Function, FunctionSettings};
use annals_lambda::{Gateway, Installation, Search, projector_settings, serve, telemetry};

use crate::due::DueWork;
use crate::input::Inputs;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let FunctionSettings { common, search, publish } =
        FunctionSettings::read(Function::Backfill, Environment::of_process())?;
    let meter = telemetry::start(Function::Backfill, &common)?;
    let config = connect(Trust::Amazon).await;
    let search = Search::connect(&config, &search).await?;
    let admin_arns = common.admin_arns.clone();
    let installation = Installation::new(&config, common)?;
    let read_model = search.projecting(&installation);
    let projector = installation.projector(&read_model, publisher(&config, publish), projector_settings());
    let rebuilder = search.rebuilder(&installation, RebuildSettings::default());
    let Installation { state, catalog, adapters, clock, .. } = installation;
    let due = DueWork::new(projector, rebuilder, state.refetch, Arc::clone(&state.jobs));
    let backfill = Backfill::new(state.jobs, state.objects, catalog, adapters, clock);
    let gateway = Gateway::new(backfill_router(backfill, Login::Gateway), admin_arns);
    let inputs = Inputs::new(due, gateway);
    serve(meter, &SystemClock, |invocation| inputs.handle(invocation)).await
}
