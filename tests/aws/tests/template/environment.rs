//! Each function gets exactly the environment variables that it reads.

use std::collections::BTreeSet;

use annals_aws_tests::template::{Stack, Template};
use annals_lambda::settings::{Function, OPENSEARCH_DOMAIN, OPENSEARCH_ENDPOINT};

/// The variables of a function in a stack.
fn given(stack: &Stack, function: Function) -> BTreeSet<String> {
    let id =
        stack.functions().into_iter().find(|it| it.properties["CodeUri"] == format!("functions/{}", function.name()));
    id.unwrap_or_else(|| panic!("{} is not in the template", function.name())).environment.into_keys().collect()
}

#[test]
fn each_function_gets_exactly_the_variables_that_it_reads() {
    for stack in Template::read().stacks() {
        for function in Function::ALL {
            let (given, read) = (given(&stack, function), function.variables());
            let is_known = |name: &&str| read.required.contains(name) || read.optional.contains(name);
            let unknown: Vec<_> = given.iter().filter(|name| !is_known(&name.as_str())).collect();
            let missing: Vec<_> = read.required.iter().filter(|name| !given.contains(**name)).collect();
            let name = function.name();
            assert!(unknown.is_empty() && missing.is_empty(), "{name}: unknown {unknown:?}, missing {missing:?}");
        }
    }
}

#[test]
fn every_variable_that_is_read_is_set_by_some_parameters() {
    let stacks = Template::read().stacks();
    for function in Function::ALL {
        let read = function.variables();
        for name in read.required.iter().chain(&read.optional) {
            let is_given = stacks.iter().any(|stack| given(stack, function).contains(*name));
            assert!(is_given, "{} is never given {name}", function.name());
        }
    }
}

#[test]
fn functions_that_search_get_one_opensearch_endpoint() {
    for stack in Template::read().stacks() {
        for function in ["ProjectionFunction", "QueryFunction", "BackfillFunction"] {
            let environment = stack.function(function).environment;
            let given: Vec<_> =
                [OPENSEARCH_ENDPOINT, OPENSEARCH_DOMAIN].iter().filter_map(|name| environment.get(*name)).collect();
            let expected = match stack.chose("OpenSearch") {
                "new" => "https://${SearchDomain.DomainEndpoint}",
                "domain" => "annals",
                _ => "https://search.example",
            };
            assert_eq!(given, [expected], "{function} with {}", stack.chose("OpenSearch"));
        }
    }
}

#[test]
fn only_functions_that_publish_to_the_topic_get_its_name() {
    for stack in Template::read().stacks() {
        let to_topic = stack.chose("Publisher") == "sns";
        for function in ["ProjectionFunction", "BackfillFunction"] {
            let topic = stack.function(function).environment.get("ANNALS_TOPIC_ARN").cloned();
            assert_eq!(topic, to_topic.then(|| "${ChangesTopic}".to_owned()), "{function}");
        }
        assert_eq!(stack.has("ChangesTopic"), to_topic);
    }
}

/// A topic refuses a whole call above its size limit, so a larger published event is sent as a reference.
#[test]
fn the_size_limit_of_published_events_is_that_of_the_publisher() {
    for (publisher, expected) in [("eventbridge", "1048576"), ("sns", "262144")] {
        let stack = Template::read().with(&[("Publisher", publisher), ("EventMaxBytes", "1048576")]);
        for function in ["ProjectionFunction", "BackfillFunction"] {
            assert_eq!(stack.function(function).environment["ANNALS_EVENT_MAX_BYTES"], expected, "{function}");
        }
    }
}

#[test]
fn only_a_local_stack_has_a_local_endpoint() {
    for stack in Template::read().stacks() {
        let named = stack.functions().into_iter().flat_map(|function| function.environment.into_keys());
        assert!(named.into_iter().all(|name| !name.starts_with("AWS_")));
    }
    let local = Template::read().with(&[("LocalDynamoDb", "http://127.0.0.1:8000")]);
    let endpoint = local.function("IngestFunction").environment["AWS_ENDPOINT_URL_DYNAMODB"].clone();
    assert_eq!(endpoint, "http://127.0.0.1:8000");
}

/// Only the ARN of the secret is in the environment, as what the login needs.
#[test]
fn backfill_logs_in_with_the_one_secret_that_it_may_read() {
    const SECRET: &str = "ANNALS_SALESFORCE_CLIENT_SECRET";
    const KEY: &str = "ANNALS_SALESFORCE_PRIVATE_KEY_FILE";
    const USERNAME: &str = "ANNALS_SALESFORCE_USERNAME";
    for stack in Template::read().stacks() {
        let environment = stack.function("BackfillFunction").environment;
        let reads = !stack.chose("SalesforceUrl").is_empty();
        let signs = reads && !stack.chose("SalesforceUsername").is_empty();
        assert_eq!(environment.contains_key("ANNALS_SALESFORCE_URL"), reads);
        let given = |name: &str| environment.get(name).map(String::as_str);
        let credentials = Some("${SalesforceCredentials}");
        assert_eq!(given(SECRET), credentials.filter(|_| reads && !signs));
        assert_eq!(given(KEY), credentials.filter(|_| signs));
        assert_eq!(given(USERNAME).is_some(), signs);
    }
}
