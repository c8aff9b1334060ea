//! What each function reads from its environment.
//!
//! Promises that the names here are the ones in `template.yaml`: a test compares them.

use std::num::NonZeroUsize;

use annals_application::commands::HandlerSettings;
use annals_aws::client::{Environment, SettingsError};
use annals_aws::publisher::PublishSettings;
use annals_aws::read_model::Endpoint;
use annals_crm::adapters;
use annals_domain::provider_adapter::ProviderAdapters;
use url::Url;

/// The events table's name.
pub const EVENTS_TABLE: &str = "ANNALS_EVENTS_TABLE";
/// The state table's name.
pub const STATE_TABLE: &str = "ANNALS_STATE_TABLE";
/// The Salesforce org whose events are taken.
pub const SALESFORCE_ORG: &str = "ANNALS_SALESFORCE_ORG";
/// The URL of the OpenSearch endpoint.
pub const OPENSEARCH_ENDPOINT: &str = "ANNALS_OPENSEARCH_ENDPOINT";
/// The name of the OpenSearch domain, in place of its URL.
pub const OPENSEARCH_DOMAIN: &str = "ANNALS_OPENSEARCH_DOMAIN";
/// What stands before each index's and alias's name.
pub const INDEX_PREFIX: &str = "ANNALS_INDEX_PREFIX";
/// What is logged.
pub const LOG: &str = "ANNALS_LOG";
/// ARNs of the IAM principals who may do what needs the admin scope, or of what stands above them, by comma.
pub const ADMIN_ARNS: &str = "ANNALS_ADMIN_ARNS";

/// How the names begin by which AWS's SDK is told of other endpoints than AWS's own.
const ENDPOINT_URL: &str = "AWS_ENDPOINT_URL";

/// The function's own name, which Lambda itself sets.
const FUNCTION_NAME: &str = "AWS_LAMBDA_FUNCTION_NAME";

/// The four functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// Takes events in.
    Ingest,
    /// Keeps the read model and other systems up.
    Projection,
    /// Answers queries.
    Query,
    /// Heals gaps, redrives and rebuilds.
    Backfill,
}

/// The names of variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variables {
    /// Those that must be there.
    pub required: &'static [&'static str],
    /// Those that may be.
    pub optional: &'static [&'static str],
}

impl Function {
    /// All.
    pub const ALL: [Self; 4] = [Self::Ingest, Self::Projection, Self::Query, Self::Backfill];

    /// Its name: of its package and its folder.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Projection => "projection",
            Self::Query => "query",
            Self::Backfill => "backfill",
        }
    }

    /// The variables that it reads. Of the two that name OpenSearch one must be there.
    pub fn variables(self) -> Variables {
        const REQUIRED: &[&str] = &[EVENTS_TABLE, STATE_TABLE];
        const PUBLISHING: &[&str] = &[
            ADMIN_ARNS,
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
        const SEARCHING: &[&str] =
            &[SALESFORCE_ORG, LOG, ADMIN_ARNS, OPENSEARCH_ENDPOINT, OPENSEARCH_DOMAIN, INDEX_PREFIX];
        let optional = match self {
            Self::Ingest => &[SALESFORCE_ORG, LOG, ADMIN_ARNS] as &[&str],
            // It answers no requests, so it has no use for who may make which.
            Self::Projection => &PUBLISHING[1..],
            Self::Backfill => PUBLISHING,
            Self::Query => SEARCHING,
        };
        Variables { required: REQUIRED, optional }
    }
}

/// Where OpenSearch is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchSettings {
    /// Its endpoint.
    pub endpoint: Endpoint,
    /// What stands before the names of its indices.
    pub prefix: String,
}

/// The settings that every function has.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The events table's name.
    pub events_table: String,
    /// The state table's name.
    pub state_table: String,
    /// The adapters, for the accounts that are set.
    pub adapters: ProviderAdapters,
    /// What is logged.
    pub log: String,
    /// The name of the function in its account, where this is one.
    pub function_name: Option<String>,
    /// Who may do what needs the admin scope, where callers are IAM principals.
    pub admin_arns: Vec<String>,
    /// How the command handler works, within an invocation's own deadline.
    pub handler: HandlerSettings,
}

impl Settings {
    /// Read from the environment; what does not fit is noted there.
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
            // No projection shares the process, so nobody asks for what was just stored.
            handler: HandlerSettings { recent_changes: NonZeroUsize::MIN, ..HandlerSettings::default() },
        }
    }
}

impl SearchSettings {
    fn nowhere() -> Self {
        Self { endpoint: Endpoint::Domain(String::new()), prefix: String::new() }
    }

    /// Read from the environment; what does not fit is noted there.
    pub fn from_environment(environment: &mut Environment) -> Self {
        let endpoint = match (environment.optional(OPENSEARCH_ENDPOINT), environment.optional(OPENSEARCH_DOMAIN)) {
            (Some(url), _) => Url::parse(&url).map(Endpoint::Url).unwrap_or_else(|error| {
                environment.problem(format!("{OPENSEARCH_ENDPOINT} is `{url}`: {error}; https://… would fit"));
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

/// All that a function of a kind reads.
#[derive(Debug, Clone)]
pub struct FunctionSettings {
    /// Those that every function has.
    pub common: Settings,
    /// Where OpenSearch is; ingest does not call it.
    pub search: SearchSettings,
    /// Where announcements go; only those that project make any.
    pub publish: PublishSettings,
}

impl FunctionSettings {
    /// Read from the environment, or all that does not fit in one error.
    pub fn read(function: Function, mut environment: Environment) -> Result<Self, SettingsError> {
        let environment = &mut environment;
        note_empty_endpoints(environment);
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
        environment.check()?;
        Ok(Self { common, search, publish })
    }
}

/// Over an empty one the SDK panics at the first call. `sam local` sets one where it is not given the file
/// of variables; on AWS there is none.
fn note_empty_endpoints(environment: &mut Environment) {
    for name in environment.empty(ENDPOINT_URL) {
        environment.problem(format!(
            "{name} is empty: a URL would fit (`sam local` takes it from the file of `--env-vars`), or no such variable"
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
    fn everything_that_is_missing_is_said_at_once() {
        let tables = ["ANNALS_EVENTS_TABLE is not set", "ANNALS_STATE_TABLE is not set"];
        let search = "neither ANNALS_OPENSEARCH_ENDPOINT nor ANNALS_OPENSEARCH_DOMAIN is set";
        check(Function::Ingest, &[], &tables);
        check(Function::Query, &[], &[tables[0], tables[1], search]);
        check(Function::Projection, &[(EVENTS_TABLE, "e"), (OPENSEARCH_DOMAIN, "d")], &[tables[1]]);
    }

    #[test]
    fn an_empty_endpoint_is_refused_before_any_client_meets_it() {
        const OF_DYNAMODB: &str = "AWS_ENDPOINT_URL_DYNAMODB";
        const WOULD_FIT: &str =
            "a URL would fit (`sam local` takes it from the file of `--env-vars`), or no such variable";
        let empty = [(STATE_TABLE, "s"), (ENDPOINT_URL, ""), (OF_DYNAMODB, " ")];
        let [all, one] = [ENDPOINT_URL, OF_DYNAMODB].map(|name| format!("{name} is empty: {WOULD_FIT}"));
        check(Function::Ingest, &empty, &[&all, &one, "ANNALS_EVENTS_TABLE is not set"]);
        let url = [(EVENTS_TABLE, "e"), (STATE_TABLE, "s"), (OF_DYNAMODB, "http://127.0.0.1:18000")];
        check(Function::Ingest, &url, &[]);
    }

    #[test]
    fn what_does_not_fit_says_what_would() {
        let tables = [(EVENTS_TABLE, "e"), (STATE_TABLE, "s")];
        let org = [tables[0], tables[1], (SALESFORCE_ORG, "acme")];
        let problem = "ANNALS_SALESFORCE_ORG: `acme` is not a Salesforce org id (15 or 18 letters and digits)";
        check(Function::Ingest, &org, &[problem]);
        check(Function::Ingest, &tables, &[]);
    }
}
