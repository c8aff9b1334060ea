//! The flags that say where an installation on AWS is.

use clap::{Args, ValueEnum};

/// Where events and entities are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Target {
    /// In a database file on this machine
    Local,
    /// In DynamoDB and OpenSearch
    Aws,
}

/// Region, credentials and endpoints are the SDK's own settings.
#[derive(Debug, Args)]
#[command(next_help_heading = "On AWS")]
pub(crate) struct OnAws {
    /// Where events and entities are stored. On AWS, region and credentials come from the settings
    /// of the AWS SDK (AWS_REGION, AWS_PROFILE and so on)
    #[arg(long, global = true, env = "ANNALS_TARGET", value_enum, default_value_t = Target::Local)]
    pub(crate) target: Target,
    /// The DynamoDB table of events
    #[arg(long, global = true, env = "ANNALS_EVENTS_TABLE", value_name = "TABLE")]
    pub(crate) events_table: Option<String>,
    /// The DynamoDB table of state
    #[arg(long, global = true, env = "ANNALS_STATE_TABLE", value_name = "TABLE")]
    pub(crate) state_table: Option<String>,
    /// OpenSearch: its URL, or the name of its domain (ANNALS_OPENSEARCH_DOMAIN sets the name too)
    #[arg(long, global = true, env = "ANNALS_OPENSEARCH_ENDPOINT", value_name = "URL|DOMAIN")]
    pub(crate) opensearch: Option<String>,
    /// The variable that the functions have if they look their domain up by name.
    #[arg(long, global = true, env = "ANNALS_OPENSEARCH_DOMAIN", hide = true)]
    pub(crate) opensearch_domain: Option<String>,
    /// The prefix of all index names
    #[arg(long, global = true, env = "ANNALS_INDEX_PREFIX", value_name = "PREFIX")]
    pub(crate) index_prefix: Option<String>,
}
