//! An installation on AWS, joined as its functions join it.
//!
//! Promises nothing but what the functions do: the same adapters over the same names. Opening calls
//! AWS only where a domain is given by its name.

use annals_application::queries::EntityQueries;
use annals_aws::client::{Trust, connect};
use annals_lambda::settings::Settings;
use annals_lambda::{Installation, Search};
use aws_config::SdkConfig;

use crate::arguments::Shared;
use crate::exit::Failure;

/// The installation.
pub(crate) struct Aws {
    /// What clients are made of.
    pub(crate) config: SdkConfig,
    /// The tables.
    pub(crate) installation: Installation,
}

impl Aws {
    /// The tables.
    pub(crate) async fn open(shared: &Shared) -> Result<Self, Failure> {
        Self::at(shared.on_aws.tables(shared.salesforce_org.as_deref())?).await
    }

    /// The tables, and OpenSearch.
    pub(crate) async fn open_with_search(shared: &Shared) -> Result<(Self, Search), Failure> {
        let (tables, search) = shared.on_aws.tables_and_search(shared.salesforce_org.as_deref())?;
        let aws = Self::at(tables).await?;
        let search = Search::connect(&aws.config, &search).await?;
        Ok((aws, search))
    }

    /// The tables there.
    pub(crate) async fn at(settings: Settings) -> Result<Self, Failure> {
        // A proxy with a certificate of its own may stand between this machine and AWS.
        let config = connect(Trust::System).await;
        let installation = Installation::new(&config, settings);
        let installation = installation.map_err(|error| Failure::because(&error))?;
        Ok(Self { config, installation })
    }

    /// What answers queries.
    pub(crate) fn queries(&self, search: &Search) -> EntityQueries {
        self.installation.query_api(&search.reading()).queries
    }
}
