//! Where an installation on AWS is, by the names that its functions read.
//!
//! Promises that all that a command needs and has not is said in one error. Region, credentials and
//! endpoints of the services are the SDK's own settings.

use annals_aws::client::Environment;
use annals_lambda::settings::{EVENTS_TABLE, SALESFORCE_ORG, STATE_TABLE, SearchSettings, Settings};
use clap::{Args, ValueEnum};

use crate::exit::Failure;

/// Where events and entities are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Target {
    /// In a database of this machine
    Local,
    /// In tables and an index on AWS
    Aws,
}

/// Where an installation on AWS is.
#[derive(Debug, Args)]
#[command(next_help_heading = "On AWS")]
pub(crate) struct OnAws {
    /// Where events and entities are: in a database of this machine, or on AWS, where region and
    /// credentials are those of the AWS SDK (AWS_REGION, AWS_PROFILE and their like)
    #[arg(long, global = true, env = "ANNALS_TARGET", value_enum, default_value_t = Target::Local)]
    pub(crate) target: Target,
    /// The table of events
    #[arg(long, global = true, env = "ANNALS_EVENTS_TABLE", value_name = "TABLE")]
    events_table: Option<String>,
    /// The table of state
    #[arg(long, global = true, env = "ANNALS_STATE_TABLE", value_name = "TABLE")]
    state_table: Option<String>,
    /// OpenSearch: its address, or its domain's name (ANNALS_OPENSEARCH_DOMAIN stands for it too)
    #[arg(long, global = true, env = "ANNALS_OPENSEARCH_ENDPOINT", value_name = "URL|DOMAIN")]
    opensearch: Option<String>,
    /// What the functions have where they look their domain up.
    #[arg(long, global = true, env = "ANNALS_OPENSEARCH_DOMAIN", hide = true)]
    opensearch_domain: Option<String>,
    /// What the names of indices begin with
    #[arg(long, global = true, env = "ANNALS_INDEX_PREFIX", value_name = "PREFIX")]
    index_prefix: Option<String>,
}

/// What is missing, by its flag.
#[derive(Debug, Default)]
struct Missing(Vec<&'static str>);

impl Missing {
    /// The text, or nothing where it is noted as missing.
    fn needed(&mut self, given: Option<String>, flag: &'static str) -> String {
        given.unwrap_or_else(|| {
            self.0.push(flag);
            String::new()
        })
    }

    fn refuse(self) -> Result<(), Failure> {
        if self.0.is_empty() {
            return Ok(());
        }
        let hint = "the functions of an installation have them in their environment";
        Err(Failure::wrong_use(format!("`--target aws` needs {}", self.0.join(", "))).hint(hint))
    }
}

impl OnAws {
    /// The tables, or all that is missing.
    pub(crate) fn tables(&self, org: Option<&str>) -> Result<Settings, Failure> {
        let mut missing = Missing::default();
        let (events, state) = self.table_names(&mut missing);
        missing.refuse()?;
        settings(events, state, org)
    }

    /// The tables and OpenSearch, or all that is missing.
    pub(crate) fn tables_and_search(&self, org: Option<&str>) -> Result<(Settings, SearchSettings), Failure> {
        let mut missing = Missing::default();
        let (events, state) = self.table_names(&mut missing);
        let either = given(&self.opensearch).or_else(|| given(&self.opensearch_domain));
        let flag = "--opensearch (ANNALS_OPENSEARCH_ENDPOINT or ANNALS_OPENSEARCH_DOMAIN)";
        let endpoint = missing.needed(either, flag);
        missing.refuse()?;
        Ok((settings(events, state, org)?, self.search(&endpoint)?))
    }

    fn table_names(&self, missing: &mut Missing) -> (String, String) {
        let events = missing.needed(given(&self.events_table), "--events-table (ANNALS_EVENTS_TABLE)");
        let state = missing.needed(given(&self.state_table), "--state-table (ANNALS_STATE_TABLE)");
        (events, state)
    }

    fn search(&self, endpoint: &str) -> Result<SearchSettings, Failure> {
        let endpoint = endpoint.parse().map_err(|error| Failure::wrong_use(format!("--opensearch: {error}")))?;
        Ok(SearchSettings { endpoint, prefix: given(&self.index_prefix).unwrap_or_default() })
    }
}

/// An empty text is what a template gives for nothing.
fn given(text: &Option<String>) -> Option<String> {
    text.clone().filter(|text| !text.trim().is_empty())
}

/// By the functions' own reading, so that a command and they agree on what fits.
fn settings(events: String, state: String, org: Option<&str>) -> Result<Settings, Failure> {
    let names = [(EVENTS_TABLE, Some(events)), (STATE_TABLE, Some(state)), (SALESFORCE_ORG, org.map(str::to_owned))];
    let names = names.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let mut environment = Environment::new(names);
    let settings = Settings::from_environment(&mut environment);
    environment.check().map_err(|error| Failure::wrong_use(error.0.join("; ")))?;
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(events: Option<&str>, opensearch: Option<&str>, domain: Option<&str>) -> OnAws {
        let text = |text: Option<&str>| text.map(str::to_owned);
        OnAws {
            target: Target::Aws,
            events_table: text(events),
            state_table: text(Some("state")),
            opensearch: text(opensearch),
            opensearch_domain: text(domain),
            index_prefix: None,
        }
    }

    #[track_caller]
    fn refused(on_aws: &OnAws, org: Option<&str>, message: &str) {
        let failure = on_aws.tables_and_search(org).expect_err("it does not fit");
        assert_eq!(failure.message(), message);
    }

    #[test]
    fn all_that_is_missing_is_said_at_once_and_no_more_is_asked_for_than_is_needed() {
        let empty = with(Some(" "), None, Some(""));
        let both = "`--target aws` needs --events-table (ANNALS_EVENTS_TABLE), \
                    --opensearch (ANNALS_OPENSEARCH_ENDPOINT or ANNALS_OPENSEARCH_DOMAIN)";
        refused(&empty, None, both);
        let failure = empty.tables(None).expect_err("one is missing");
        assert_eq!(failure.message(), "`--target aws` needs --events-table (ANNALS_EVENTS_TABLE)");
    }

    #[test]
    fn opensearch_is_an_address_or_a_domain_and_the_flag_goes_before_the_domains_variable() {
        let endpoint = |on_aws: &OnAws| {
            let (_, search) = on_aws.tables_and_search(None).expect("it fits");
            format!("{:?}", search.endpoint)
        };
        assert_eq!(endpoint(&with(Some("e"), Some("crm-search"), Some("other"))), r#"Domain("crm-search")"#);
        assert_eq!(endpoint(&with(Some("e"), None, Some("other"))), r#"Domain("other")"#);
        assert!(endpoint(&with(Some("e"), Some("https://search.example"), None)).starts_with("Url("));
        let odd = with(Some("e"), Some("no address"), None);
        let message = "--opensearch: `no address` is neither an http(s) address nor a domain's name";
        refused(&odd, None, message);
        let message = "ANNALS_SALESFORCE_ORG: `acme` is not a Salesforce org id (15 or 18 letters and digits)";
        refused(&odd, Some("acme"), message);
    }
}
