//! Commands for an installation on AWS. They use the adapters and the names that its functions use.
//!
//! Compiled with the feature `aws`. Without it `without_aws.rs` takes the place of this module.

mod doctor;
mod export;
mod rebuild;
mod settings;

use std::sync::Arc;

use annals_application::audit::Auditor;
use annals_application::crm::CrmConnections;
use annals_application::queries::EntityQueries;
use annals_aws::client::{Trust, connect};
use annals_lambda::settings::Settings;
use annals_lambda::{Installation, Search};
use aws_config::SdkConfig;

pub(crate) use self::doctor::checks as doctor_checks;
pub(crate) use self::export::past_entities;
pub(crate) use self::rebuild::run as rebuild;
use crate::arguments::Shared;
use crate::command_side::CommandSide;
use crate::exit::Failure;

struct Aws {
    config: SdkConfig,
    installation: Installation,
}

impl Aws {
    /// Calls AWS only if the OpenSearch domain is given by name.
    async fn with_search(shared: &Shared) -> Result<(Self, Search), Failure> {
        let (tables, search) = settings::tables_and_search(&shared.on_aws, shared.salesforce_org.as_deref())?;
        let aws = Self::connect(tables).await?;
        let search = Search::connect(&aws.config, &search).await?;
        Ok((aws, search))
    }

    async fn connect(settings: Settings) -> Result<Self, Failure> {
        // A proxy with a certificate of its own may sit between this machine and AWS.
        let config = connect(Trust::System).await;
        let installation = Installation::new(&config, settings);
        let installation = installation.map_err(|error| Failure::because(&error))?;
        Ok(Self { config, installation })
    }
}

/// Fails in a build without the feature.
pub(crate) fn require_feature() -> Result<(), Failure> {
    Ok(())
}

/// The command side of the installation. The projection function projects what is stored.
pub(crate) async fn open_commands(shared: &Shared) -> Result<CommandSide, Failure> {
    let tables = settings::tables(&shared.on_aws, shared.salesforce_org.as_deref())?;
    let installation = Aws::connect(tables).await?.installation;
    Ok(CommandSide::new(installation.handler(), installation.adapters, None))
}

pub(crate) async fn open_queries(shared: &Shared) -> Result<EntityQueries, Failure> {
    let (aws, search) = Aws::with_search(shared).await?;
    Ok(aws.installation.query_api(&search.reading()).queries)
}

/// What compares the records of these CRMs with those of the installation. The projection function projects what is
/// repaired.
pub(crate) async fn open_auditor(shared: &Shared, connections: CrmConnections) -> Result<Auditor, Failure> {
    let (aws, search) = Aws::with_search(shared).await?;
    let ports = aws.installation.crm_sync_ports(Arc::new(search.read_model()));
    Ok(Auditor::new(&ports, search.reading(), connections))
}
