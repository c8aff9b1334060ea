//! The projection function: reads stored events from the events table's stream, indexes their entities, publishes them
//! to other systems, and requests refetches. No record holds up another.

mod batch;
mod lag;
mod record;

use annals_application::projection::ProjectorSettings;
use annals_application::system::SystemClock;
use annals_aws::client::{Environment, Trust, connect};
use annals_aws::publisher::publisher;
use annals_lambda::settings::{Function, FunctionSettings};
use annals_lambda::{Installation, Search, projector_settings, serve, telemetry};

use crate::batch::StreamProjection;
use crate::lag::LagReporter;

/// Projection allocates a lot of short-lived memory, which takes two thirds of the time with this allocator. The other
/// functions would only start more slowly with it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let FunctionSettings { common, search, publish, .. } =
        FunctionSettings::read(Function::Projection, Environment::of_process())?;
    let meter = telemetry::start(Function::Projection, &common)?;
    let config = connect(Trust::Amazon).await;
    let search = Search::connect(&config, &search).await?;
    let installation = Installation::new(&config, common)?;
    let read_model = search.projecting(&installation);
    // The stream has one place for all projections: without this an outage of the publisher would hold up the others.
    let settings = ProjectorSettings { parks_unpublished: true, ..projector_settings() };
    let projector = installation.projector(&read_model, publisher(&config, publish), settings);
    let lag = LagReporter::new(installation.lags, installation.ids.fresh());
    let projection = StreamProjection::new(projector, lag, installation.clock);
    serve(meter, &SystemClock, |invocation| projection.project(invocation)).await
}
