//! The backfill function. Each minute it redrives parked projections, reads the CRM and continues a rebuild; behind API Gateway it
//! requests, shows, pauses, resumes and cancels backfills.
//!
//! It stops before its timeout and continues in the next minute. It does not invoke itself: Lambda stops such loops.
//! With an org in its settings it reads records from that: due refetches, then jobs, then audits. Without one these wait
//! and are counted.

mod crm_work;
mod due;
mod input;
mod schedule;

use std::sync::Arc;

use annals_application::audit::{Auditor, ScheduledAudits};
use annals_application::commands::Quarantine;
use annals_application::crm::{CrmConnection, CrmConnections};
use annals_application::sync::CrmSync;
use annals_application::system::SystemClock;
use annals_aws::client::{Environment, SettingsError, Trust, connect};
use annals_aws::publisher::publisher;
use annals_aws::rebuild::RebuildSettings;
use annals_http::{Login, backfill_router};
use annals_lambda::settings::{Function, FunctionSettings, SYNC};
use annals_lambda::{Gateway, Installation, Search, projector_settings, salesforce_settings, serve, telemetry};
use annals_salesforce::{ClientTuning, SalesforceClient};
use aws_config::SdkConfig;

use crate::crm_work::CrmWork;
use crate::due::DueWork;
use crate::input::Inputs;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let FunctionSettings { common, search, publish, sync } =
        FunctionSettings::read(Function::Backfill, Environment::of_process())?;
    let meter = telemetry::start(Function::Backfill, &common)?;
    let config = connect(Trust::Amazon).await;
    let search = Search::connect(&config, &search).await?;
    let admin_arns = common.admin_arns.clone();
    let installation = Installation::new(&config, common)?;
    let read_model = search.projecting(&installation);
    let projector = installation.projector(&read_model, publisher(&config, publish), projector_settings());
    let rebuilder = search.rebuilder(&installation, RebuildSettings::default());
    let connections = connections(&config, &installation).await?;
    let checked = sync.check(&installation.catalog, &connections.providers().collect());
    checked.map_err(|error| SettingsError(vec![format!("{SYNC}: {error}")]))?;
    let ports = installation.crm_sync_ports(Arc::new(search.read_model()));
    let backfill_jobs = ports.handler.backfill();
    let crm = (!connections.is_empty()).then(|| {
        let auditor = Auditor::new(&ports, search.reading(), connections.clone());
        let audits = ScheduledAudits::new(auditor, Arc::clone(&ports.state.leases));
        CrmWork::new(CrmSync::new(&ports, connections, Some(sync)), audits)
    });
    let Installation { state, clock, ids, .. } = installation;
    let quarantine = Quarantine::new(state.quarantine, clock, ids);
    let due = DueWork::new(projector, rebuilder, state.refetch, state.jobs, crm, quarantine);
    let gateway = Gateway::new(backfill_router(backfill_jobs, Login::Gateway), admin_arns);
    let inputs = Inputs::new(due, gateway);
    serve(meter, &SystemClock, |invocation| inputs.handle(invocation)).await
}

/// The org that the settings name, if they name one. Makes no call to it.
async fn connections(config: &SdkConfig, installation: &Installation) -> Result<CrmConnections, lambda_runtime::Error> {
    let settings = salesforce_settings(config, &Environment::of_process()).await?;
    let Some(settings) = settings else { return Ok(CrmConnections::default()) };
    let quota_share = settings.quota_share.percent();
    let (clock, ids) = (Arc::clone(&installation.clock), Arc::clone(&installation.ids));
    let client = SalesforceClient::new(settings, ClientTuning::default(), clock, ids)?;
    Ok(CrmConnections::new([CrmConnection { client: Arc::new(client), quota_share }]))
}
