//! The settings that each function reads from its environment. A test compares their names with `template.yaml`.

use std::num::NonZeroUsize;

use annals_application::commands::HandlerSettings;
use annals_application::sync::SyncSchedule;
use annals_aws::client::{Environment, SettingsError};
use annals_aws::publisher::PublishSettings;
use annals_aws::read_model::Endpoint;
use annals_crm::adapters;
use annals_domain::provider_adapter::ProviderAdapters;
use annals_salesforce::settings as salesforce;
use url::Url;

pub const EVENTS_TABLE: &str = "ANNALS_EVENTS_TABLE";
pub const STATE_TABLE: &str = "ANNALS_STATE_TABLE";
/// The Salesforce org whose events are accepted.
pub const SALESFORCE_ORG: &str = "ANNALS_SALESFORCE_ORG";
pub const OPENSEARCH_ENDPOINT: &str = "ANNALS_OPENSEARCH_ENDPOINT";
/// The name of an OpenSearch domain of this account and region, instead of its URL.
pub const OPENSEARCH_DOMAIN: &str = "ANNALS_OPENSEARCH_DOMAIN";
pub const INDEX_PREFIX: &str = "ANNALS_INDEX_PREFIX";
pub const LOG: &str = "ANNALS_LOG";
/// How often which records are read from the CRM, such as `salesforce=5m,contracts=1h`.
pub const SYNC: &str = "ANNALS_SYNC";
/// ARNs of the IAM principals with the admin scope, separated by commas; an ARN includes those below it.
pub const ADMIN_ARNS: &str = "ANNALS_ADMIN_ARNS";

/// The prefix of the variables that give AWS's SDK other endpoints than AWS's own.
const ENDPOINT_URL: &str = "AWS_ENDPOINT_URL";

/// The function's name in its account, set by Lambda.
const FUNCTION_NAME: &str = "AWS_LAMBDA_FUNCTION_NAME";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    Ingest,
    /// Projects stored events into the read model and publishes them.
    Projection,
    Query,
    /// Redrives parked projections and continues rebuilds.
    Backfill,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variables {
    pub required: &'static [&'static str],
    pub optional: Vec<&'static str>,
}

impl Function {
    pub const ALL: [Self; 4] = [Self::Ingest, Self::Projection, Self::Query, Self::Backfill];

    pub fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Projection => "projection",
            Self::Query => "query",
            Self::Backfill => "backfill",
        }
    }

    /// The variables that it reads. One of the two that name OpenSearch must be set.
    pub fn variables(self) -> Variables {
        const REQUIRED: &[&str] = &[EVENTS_TABLE, STATE_TABLE];
        const PUBLISHING: &[&str] = &[
            SALESFORCE_ORG,
            LOG,
            OPENSEARCH_ENDPOINT,
            OPENSEARCH_DOMAIN,
            INDEX_PREFIX,
            "ANNALS_PUBLISHER",
            "ANNALS_EVENT_BUS",
            "ANNALS_EVENT_SOURCE",
            "ANNALS_EVENT_DETAIL_TYPE_SUFFIX",
            "ANNALS_EVENT_MAX_BYTES",
            "ANNALS_TOPIC_ARN",
        ];
        // Backfill has HTTP routes and reads the CRM.
        const READING_CRM: &[&str] = &[
            ADMIN_ARNS,
            SYNC,
            salesforce::URL,
            salesforce::CLIENT_ID,
            salesforce::CLIENT_SECRET,
            salesforce::USERNAME,
            salesforce::PRIVATE_KEY_FILE,
            salesforce::API_VERSION,
            salesforce::QUOTA_SHARE,
        ];
        const SEARCHING: &[&str] =
            &[SALESFORCE_ORG, LOG, ADMIN_ARNS, OPENSEARCH_ENDPOINT, OPENSEARCH_DOMAIN, INDEX_PREFIX];
        let optional = match self {
            Self::Ingest => vec![SALESFORCE_ORG, LOG, ADMIN_ARNS],
            // It has no HTTP routes, so it does not need the admins.
            Self::Projection => PUBLISHING.to_vec(),
            Self::Backfill => [PUBLISHING, READING_CRM].concat(),
            Self::Query => SEARCHING.to_vec(),
        };
        Variables { required: REQUIRED, optional }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchSettings {
    pub endpoint: Endpoint,
    /// The prefix of the names of its indices and aliases.
    pub prefix: String,
}

#[derive(Debug, Clone)]
pub struct Settings {
    pub events_table: String,
    pub state_table: String,
    /// The provider adapters, for the accounts that are configured.
    pub adapters: ProviderAdapters,
    /// The log filter, such as `info` or `info,annals=debug`.
    pub log: String,
    /// The function's name in its account; `None` outside of Lambda.
    pub function_name: Option<String>,
    /// ARNs with the admin scope, if callers are IAM principals.
    pub admin_arns: Vec<String>,
    pub handler: HandlerSettings,
}

impl Settings {
    /// Reads the environment, and reports missing and invalid values to it.
    pub fn from_environment(environment: &mut Environment) -> Self {
        let org = environment.optional(SALESFORCE_ORG);
        let adapters = adapters(org.as_deref()).unwrap_or_else(|error| {
            environment.problem(format!("{SALESFORCE_ORG}: {error}"));
            ProviderAdapters::new([])
        });
        let admins = environment.optional(ADMIN_ARNS).unwrap_or_default();
        Self {
            events_table: environment.required(EVENTS_TABLE),
            state_table: environment.required(STATE_TABLE),
            adapters,
            log: environment.optional(LOG).unwrap_or_else(|| "info".to_owned()),
            function_name: environment.optional(FUNCTION_NAME),
            admin_arns: admins.split(',').map(|arn| arn.trim().to_owned()).filter(|arn| !arn.is_empty()).collect(),
            // No projection runs in this process, so nobody reads recent changes back.
            handler: HandlerSettings { recent_changes: NonZeroUsize::MIN, ..HandlerSettings::default() },
        }
    }
}

impl SearchSettings {
    fn nowhere() -> Self {
        Self { endpoint: Endpoint::Domain(String::new()), prefix: String::new() }
    }

    /// Reads the environment, and reports missing and invalid values to it.
    pub fn from_environment(environment: &mut Environment) -> Self {
        let endpoint = match (environment.optional(OPENSEARCH_ENDPOINT), environment.optional(OPENSEARCH_DOMAIN)) {
            (Some(url), _) => Url::parse(&url).map(Endpoint::Url).unwrap_or_else(|error| {
                let problem = format!("invalid value `{url}` of {OPENSEARCH_ENDPOINT}: {error}; expected https://…");
                environment.problem(problem);
                Endpoint::Domain(String::new())
            }),
            (None, Some(name)) => Endpoint::Domain(name),
            (None, None) => {
                environment.problem(format!("neither {OPENSEARCH_ENDPOINT} nor {OPENSEARCH_DOMAIN} is set"));
                Endpoint::Domain(String::new())
            }
        };
        Self { endpoint, prefix: environment.optional(INDEX_PREFIX).unwrap_or_default() }
    }
}

#[derive(Debug, Clone)]
pub struct FunctionSettings {
    pub common: Settings,
    /// The address of OpenSearch; empty for ingest, which does not call it.
    pub search: SearchSettings,
    /// Where events are published; `Nowhere` for functions that do not project.
    pub publish: PublishSettings,
    /// How often which records are read; empty for functions that do not read the CRM.
    pub sync: SyncSchedule,
}

impl FunctionSettings {
    /// Reads the environment. All missing and invalid values are in one error.
    pub fn read(function: Function, mut environment: Environment) -> Result<Self, SettingsError> {
        let environment = &mut environment;
        report_empty_endpoints(environment);
        let common = Settings::from_environment(environment);
        let search = match function {
            Function::Ingest => SearchSettings::nowhere(),
            Function::Projection | Function::Query | Function::Backfill => {
                SearchSettings::from_environment(environment)
            }
        };
        let publish = match function {
            Function::Projection | Function::Backfill => PublishSettings::from_environment(environment),
            Function::Ingest | Function::Query => PublishSettings::Nowhere,
        };
        let sync = match function {
            Function::Backfill => schedule(environment),
            Function::Ingest | Function::Projection | Function::Query => SyncSchedule::default(),
        };
        environment.check()?;
        Ok(Self { common, search, publish, sync })
    }
}

fn schedule(environment: &mut Environment) -> SyncSchedule {
    let text = environment.optional(SYNC).unwrap_or_default();
    text.parse().unwrap_or_else(|error| {
        environment.problem(format!("{SYNC}: {error}"));
        SyncSchedule::default()
    })
}

/// With an empty endpoint the SDK panics at the first call. `sam local` sets one if it is started without the file of
/// variables; on AWS there is none.
fn report_empty_endpoints(environment: &mut Environment) {
    for name in environment.empty(ENDPOINT_URL) {
        environment.problem(format!(
            "{name} is empty: expected a URL (`sam local` reads it from the file of `--env-vars`), or no such variable"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(function: Function, values: &[(&str, &str)], problems: &[&str]) {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let found = FunctionSettings::read(function, Environment::new(values));
        let found = found.err().map(|error| error.0).unwrap_or_default();
        assert_eq!(found, problems, "{}", function.name());
    }

    #[test]
    fn all_missing_variables_are_reported_at_once() {
        let tables = ["ANNALS_EVENTS_TABLE is not set", "ANNALS_STATE_TABLE is not set"];
        let search = "neither ANNALS_OPENSEARCH_ENDPOINT nor ANNALS_OPENSEARCH_DOMAIN is set";
        check(Function::Ingest, &[], &tables);
        check(Function::Query, &[], &[tables[0], tables[1], search]);
        check(Function::Projection, &[(EVENTS_TABLE, "e"), (OPENSEARCH_DOMAIN, "d")], &[tables[1]]);
    }

    #[test]
    fn an_empty_endpoint_is_refused_before_any_client_uses_it() {
        const OF_DYNAMODB: &str = "AWS_ENDPOINT_URL_DYNAMODB";
        const EXPECTED: &str =
            "expected a URL (`sam local` reads it from the file of `--env-vars`), or no such variable";
        let empty = [(STATE_TABLE, "s"), (ENDPOINT_URL, ""), (OF_DYNAMODB, " ")];
        let [all, one] = [ENDPOINT_URL, OF_DYNAMODB].map(|name| format!("{name} is empty: {EXPECTED}"));
        check(Function::Ingest, &empty, &[&all, &one, "ANNALS_EVENTS_TABLE is not set"]);
        let url = [(EVENTS_TABLE, "e"), (STATE_TABLE, "s"), (OF_DYNAMODB, "http://127.0.0.1:18000")];
        check(Function::Ingest, &url, &[]);
    }

    #[test]
    fn an_invalid_value_is_reported_with_what_is_expected() {
        let tables = [(EVENTS_TABLE, "e"), (STATE_TABLE, "s")];
        let org = [tables[0], tables[1], (SALESFORCE_ORG, "acme")];
        let problem = "ANNALS_SALESFORCE_ORG: invalid Salesforce org id `acme`: expected 15 or 18 letters and digits";
        check(Function::Ingest, &org, &[problem]);
        let sync = [tables[0], tables[1], (OPENSEARCH_DOMAIN, "d"), (SYNC, "salesforce=5")];
        let problem =
            "ANNALS_SYNC: invalid value `salesforce=5`: expected an interval from 1m to 1d, such as 90s, 5m, 6h or 1d";
        check(Function::Backfill, &sync, &[problem]);
        check(Function::Ingest, &tables, &[]);
    }
}
