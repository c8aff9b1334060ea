//! The ingest function: appends change events to the events table. They come from an EventBridge rule, API Gateway or
//! the function's own failure queue.
//!
//! An invocation succeeds only if every event in it is stored or quarantined. Of a batch from the queue, only the
//! messages for which that failed are returned to the queue.

mod ingest;
mod input;
mod outcome_log;

use std::sync::Arc;

use annals_application::system::SystemClock;
use annals_aws::client::{Environment, Trust, connect};
use annals_http::{Login, events_router};
use annals_lambda::settings::{Function, FunctionSettings};
use annals_lambda::{Gateway, Installation, serve, telemetry};

use crate::ingest::Ingest;
use crate::outcome_log::OutcomeLogger;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let settings = FunctionSettings::read(Function::Ingest, Environment::of_process())?.common;
    let meter = telemetry::start(Function::Ingest, &settings)?;
    let admin_arns = settings.admin_arns.clone();
    let installation = Installation::new(&connect(Trust::Amazon).await, settings)?;
    let handler = installation.observed_handler(Arc::new(OutcomeLogger));
    let gateway = Gateway::new(events_router(handler.clone(), Login::Gateway), admin_arns);
    let ingest = Ingest::new(handler, gateway);
    serve(meter, &SystemClock, |invocation| ingest.handle(invocation)).await
}
