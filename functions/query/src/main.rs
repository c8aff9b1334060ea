//! The query function: entities, histories, the quarantine and health, behind API Gateway.

use annals_application::system::SystemClock;
use annals_aws::client::{Environment, Trust, connect};
use annals_http::{Login, query_router};
use annals_lambda::settings::{Function, FunctionSettings};
use annals_lambda::{Gateway, Installation, Search, serve, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let FunctionSettings { common, search, .. } = FunctionSettings::read(Function::Query, Environment::of_process())?;
    let meter = telemetry::start(Function::Query, &common)?;
    let config = connect(Trust::Amazon).await;
    let search = Search::connect(&config, &search).await?;
    let admin_arns = common.admin_arns.clone();
    let installation = Installation::new(&config, common)?;
    let api = installation.query_api(&search.reading());
    let gateway = Gateway::new(query_router(api, Login::Gateway), admin_arns);
    serve(meter, &SystemClock, |invocation| gateway.handle_invocation(invocation)).await
}
