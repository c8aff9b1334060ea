//! From flags to the settings of an installation. Everything that is missing is named in one error.

use annals_aws::client::Environment;
use annals_lambda::settings::{EVENTS_TABLE, SALESFORCE_ORG, STATE_TABLE, SearchSettings, Settings};

use crate::arguments::OnAws;
use crate::exit::Failure;

/// The flags that are needed and not given.
#[derive(Debug, Default)]
struct Missing(Vec<&'static str>);

impl Missing {
    /// The value; an empty one, with its flag noted as missing, if it is not given.
    fn required(&mut self, given: Option<String>, flag: &'static str) -> String {
        given.unwrap_or_else(|| {
            self.0.push(flag);
            String::new()
        })
    }

    fn check(self) -> Result<(), Failure> {
        if self.0.is_empty() {
            return Ok(());
        }
        let message = format!("`--target aws` needs {}", self.0.join(", "));
        Err(Failure::usage(message).hint("the environment variables of the installation's functions have these values"))
    }
}

pub(super) fn tables(flags: &OnAws, org: Option<&str>) -> Result<Settings, Failure> {
    let mut missing = Missing::default();
    let (events, state) = table_names(flags, &mut missing);
    missing.check()?;
    settings(events, state, org)
}

pub(super) fn tables_and_search(flags: &OnAws, org: Option<&str>) -> Result<(Settings, SearchSettings), Failure> {
    let mut missing = Missing::default();
    let (events, state) = table_names(flags, &mut missing);
    let either = not_blank(&flags.opensearch).or_else(|| not_blank(&flags.opensearch_domain));
    let flag = "--opensearch (ANNALS_OPENSEARCH_ENDPOINT or ANNALS_OPENSEARCH_DOMAIN)";
    let endpoint = missing.required(either, flag);
    missing.check()?;
    let tables = settings(events, state, org)?;
    let endpoint = endpoint.parse().map_err(|error| Failure::usage(format!("--opensearch: {error}")))?;
    let search = SearchSettings { endpoint, prefix: not_blank(&flags.index_prefix).unwrap_or_default() };
    Ok((tables, search))
}

fn table_names(flags: &OnAws, missing: &mut Missing) -> (String, String) {
    let events = missing.required(not_blank(&flags.events_table), "--events-table (ANNALS_EVENTS_TABLE)");
    let state = missing.required(not_blank(&flags.state_table), "--state-table (ANNALS_STATE_TABLE)");
    (events, state)
}

/// A template passes an unset parameter as an empty text.
fn not_blank(text: &Option<String>) -> Option<String> {
    text.clone().filter(|text| !text.trim().is_empty())
}

/// Read the way the functions read theirs, so that command and functions accept the same values.
fn settings(events: String, state: String, org: Option<&str>) -> Result<Settings, Failure> {
    let names = [(EVENTS_TABLE, Some(events)), (STATE_TABLE, Some(state)), (SALESFORCE_ORG, org.map(str::to_owned))];
    let names = names.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let mut environment = Environment::new(names);
    let settings = Settings::from_environment(&mut environment);
    environment.check().map_err(|error| Failure::usage(error.0.join("; ")))?;
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::Target;

    fn flags(events: Option<&str>, opensearch: Option<&str>, domain: Option<&str>) -> OnAws {
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
    fn refused(flags: &OnAws, org: Option<&str>, message: &str) {
        let failure = tables_and_search(flags, org).expect_err("they are invalid");
        assert_eq!(failure.message(), message);
    }

    #[test]
    fn all_missing_flags_are_named_at_once_and_only_those_that_are_needed() {
        let empty = flags(Some(" "), None, Some(""));
        let both = "`--target aws` needs --events-table (ANNALS_EVENTS_TABLE), \
                    --opensearch (ANNALS_OPENSEARCH_ENDPOINT or ANNALS_OPENSEARCH_DOMAIN)";
        refused(&empty, None, both);
        let failure = tables(&empty, None).expect_err("one is missing");
        assert_eq!(failure.message(), "`--target aws` needs --events-table (ANNALS_EVENTS_TABLE)");
    }

    #[test]
    fn opensearch_is_a_url_or_a_domain_and_the_flag_goes_before_the_variable_of_the_domain() {
        let endpoint = |flags: &OnAws| {
            let (_, search) = tables_and_search(flags, None).expect("they are valid");
            format!("{:?}", search.endpoint)
        };
        assert_eq!(endpoint(&flags(Some("e"), Some("crm-search"), Some("other"))), r#"Domain("crm-search")"#);
        assert_eq!(endpoint(&flags(Some("e"), None, Some("other"))), r#"Domain("other")"#);
        assert!(endpoint(&flags(Some("e"), Some("https://search.example"), None)).starts_with("Url("));
        let odd = flags(Some("e"), Some("no address"), None);
        let message =
            "--opensearch: invalid OpenSearch endpoint `no address`: expected an http(s) URL or the name of a domain";
        refused(&odd, None, message);
        let message = "ANNALS_SALESFORCE_ORG: invalid Salesforce org id `acme`: expected 15 or 18 letters and digits";
        refused(&odd, Some("acme"), message);
    }
}
