//! The ingest function: change events in, from an EventBridge rule, API Gateway or its own
//! failure queue, appended to the events table.
//!
//! Promises that an invocation succeeds only when everything in it is kept; of a queue's batch, the
//! messages that are not kept come back by name.

mod input;
mod report;
mod take;

use std::sync::Arc;

use annals_application::system::SystemClock;
use annals_aws::client::{Environment, Trust, connect};
use annals_http::{Login, events_router};
use annals_lambda::settings::{Function, FunctionSettings};
use annals_lambda::{Gateway, Installation, serve, telemetry};

use crate::report::Told;
use crate::take::Ingest;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let settings = FunctionSettings::read(Function::Ingest, Environment::of_process())?.common;
    let meter = telemetry::start(Function::Ingest, &settings)?;
    let admin_arns = settings.admin_arns.clone();
    let installation = Installation::new(&connect(Trust::Amazon).await, settings)?;
    let handler = installation.observed_handler(Arc::new(Told));
    let gateway = Gateway::new(events_router(handler.clone(), Login::Gateway), admin_arns);
    let ingest = Ingest::new(handler, gateway);
    serve(meter, &SystemClock, |invocation| ingest.take(invocation)).await
}
