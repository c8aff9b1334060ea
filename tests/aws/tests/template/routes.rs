//! The HTTP API: every route reaches its function, with or without a trailing slash, and requires the right
//! authorization.

use annals_aws_tests::template::{Stack, Template};
use serde_json::{Map, Value, json};

/// The authorization that a route requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    Open,
    Login,
    Admin,
}
use Access::{Admin, Login, Open};

/// The routes of the HTTP API with their functions.
const ROUTES: [(&str, &str, &str, Access); 25] = [
    ("POST", "/events/salesforce", "Ingest", Login),
    ("POST", "/events/hubspot", "Ingest", Login),
    ("POST", "/quarantine/5f2c/redrive", "Ingest", Admin),
    ("DELETE", "/quarantine/5f2c", "Ingest", Admin),
    ("POST", "/events/backfill/clients", "Backfill", Admin),
    ("GET", "/events/backfill/clients/status", "Backfill", Admin),
    ("POST", "/events/backfill/clients/pause", "Backfill", Admin),
    ("POST", "/events/backfill/clients/resume", "Backfill", Admin),
    ("POST", "/events/backfill/clients/cancel", "Backfill", Admin),
    ("GET", "/quarantine", "Query", Admin),
    ("GET", "/quarantine/5f2c", "Query", Admin),
    ("GET", "/health", "Query", Open),
    ("GET", "/openapi.json", "Query", Login),
    ("GET", "/clients", "Query", Login),
    ("GET", "/clients/count", "Query", Login),
    ("GET", "/clients/001Qz00000LkSp1IAF", "Query", Login),
    ("GET", "/clients/001Qz00000LkSp1IAF/history", "Query", Login),
    ("GET", "/clients/001Qz00000LkSp1IAF/diff", "Query", Login),
    ("GET", "/entities/Account", "Query", Login),
    ("GET", "/entities/Account/count", "Query", Login),
    ("GET", "/entities/Account/001Qz00000LkSp1IAF", "Query", Login),
    ("GET", "/entities/Account/001Qz00000LkSp1IAF/history", "Query", Login),
    // Other paths go to query, which responds with 404 or 405 to callers who are logged in.
    ("GET", "/", "Query", Login),
    ("PUT", "/clients/001Qz00000LkSp1IAF", "Query", Login),
    ("GET", "/events/salesforce", "Query", Login),
];

/// The route of a request: a full match, else the longest greedy match, else the operation with the flag of the
/// default route. Its path does not matter: the gateway treats it as an ordinary path.
fn route<'a>(stack: &'a Stack, method: &str, path: &str) -> &'a Value {
    let paths = stack.properties("HttpApi")["DefinitionBody"]["paths"].as_object().expect("paths");
    let method = method.to_lowercase();
    let exact = paths.get(path).and_then(|operations| operations.get(&method));
    let greedy = paths.iter().filter_map(|(pattern, operations)| {
        let begin = pattern.strip_suffix("{proxy+}")?;
        let rest = path.strip_prefix(begin)?;
        let operation = operations.get(&method).filter(|_| !rest.is_empty())?;
        Some((begin.len(), operation))
    });
    let greedy = greedy.max_by_key(|(length, _)| *length).map(|(_, operation)| operation);
    exact.or(greedy).unwrap_or_else(|| default_route(paths))
}

fn default_route(paths: &Map<String, Value>) -> &Value {
    let operations = paths.values().map(|operations| &operations["x-amazon-apigateway-any-method"]);
    let flagged: Vec<_> = operations.filter(|operation| operation["isDefaultRoute"] == true).collect();
    let [operation] = flagged.as_slice() else { panic!("{} default routes", flagged.len()) };
    operation
}

fn access(operation: &Value, authorizer: &str) -> Access {
    match (operation.get("security"), authorizer) {
        (None, _) => Open,
        (Some(security), "iam") if *security == json!([{"iam": []}]) => Login,
        (Some(security), "jwt") if *security == json!([{"jwt": []}]) => Login,
        (Some(security), "jwt") if *security == json!([{"jwt": ["admin"]}]) => Admin,
        (Some(other), _) => panic!("{other} with {authorizer}"),
    }
}

#[track_caller]
fn check(stack: &Stack, method: &str, path: &str, function: &str, expected: Access) {
    let operation = route(stack, method, path);
    let integration = &operation["x-amazon-apigateway-integration"];
    let uri = integration["uri"].as_str().expect("a function's address");
    assert!(uri.ends_with(&format!("/functions/${{{function}Function.Arn}}/invocations")), "{method} {path}: {uri}");
    assert_eq!(integration["payloadFormatVersion"], "2.0");
    let authorizer = stack.chose("Authorizer");
    // Signed requests have no scopes: the function itself checks for admins.
    let expected = if authorizer == "iam" && expected == Admin { Login } else { expected };
    assert_eq!(access(operation, authorizer), expected, "{method} {path} with {authorizer}");
}

#[test]
fn every_route_reaches_its_function_and_requires_its_authorization() {
    for stack in Template::read().stacks() {
        for (method, path, function, access) in ROUTES {
            check(&stack, method, path, function, access);
        }
    }
}

/// A path without a variable and with a trailing slash reaches `$default`, where the function checks the scope:
/// `/health/` requires a login, and for `/quarantine/` only the function requires the scope.
#[test]
fn a_trailing_slash_reaches_the_same_function() {
    let stack = Template::read().with(&[("Authorizer", "jwt"), ("JwtIssuer", "https://login.example")]);
    for (method, path, function, access) in ROUTES {
        let access = if ["/health", "/quarantine"].contains(&path) { Login } else { access };
        check(&stack, method, &format!("{path}/"), function, access);
    }
}

#[test]
fn only_health_is_open() {
    for stack in Template::read().stacks() {
        let paths = stack.properties("HttpApi")["DefinitionBody"]["paths"].as_object().expect("paths");
        let operations = paths.iter().flat_map(|(path, operations)| {
            let operations = operations.as_object().expect("operations").iter();
            operations.map(move |(method, operation)| (format!("{method} {path}"), operation))
        });
        let open = operations.filter(|(_, operation)| operation.get("security").is_none());
        assert_eq!(open.map(|(name, _)| name).collect::<Vec<_>>(), ["get /health"]);
    }
}

/// Otherwise anyone could use the whole rate limit of the API, each time with a query to a store.
#[test]
fn the_open_route_has_a_much_lower_rate_limit_than_the_api() {
    let stack = Template::read().with(&[]);
    let api = stack.properties("HttpApi");
    let open = &api["RouteSettings"]["GET /health"];
    for limit in ["ThrottlingRateLimit", "ThrottlingBurstLimit"] {
        let [own, all] = [open, &api["DefaultRouteSettings"]].map(|it| it[limit].as_u64().expect("a number"));
        assert!(own * 10 <= all, "{limit}");
    }
    // A route with settings of its own does not inherit the default settings.
    assert_eq!(open["DetailedMetricsEnabled"], api["DefaultRouteSettings"]["DetailedMetricsEnabled"]);
}

#[test]
fn every_authorizer_of_a_route_is_defined_or_the_deployment_fails() {
    for stack in Template::read().stacks() {
        let api = stack.properties("HttpApi");
        let schemes = api["DefinitionBody"]["components"]["securitySchemes"].as_object().expect("schemes");
        assert_eq!(schemes.contains_key("jwt"), stack.chose("Authorizer") == "jwt");
        assert_eq!(schemes["iam"]["x-amazon-apigateway-authtype"], "awsSigv4");
        if let Some(jwt) = schemes.get("jwt") {
            let issuer = &jwt["x-amazon-apigateway-authorizer"]["jwtConfiguration"]["issuer"];
            assert_eq!(issuer, "https://login.example");
        }
        // An authorizer that the gateway does not understand would be a warning, and the route would be open.
        assert_eq!(api["FailOnWarnings"], true);
        assert!(api["DefaultRouteSettings"]["ThrottlingRateLimit"].is_number());
        assert!(api["DefaultRouteSettings"]["ThrottlingBurstLimit"].is_number());
    }
}

#[test]
fn the_gateway_may_call_the_functions_it_sends_to() {
    let stack = Template::read().with(&[]);
    for function in ["Ingest", "Query", "Backfill"] {
        let permission = stack.properties(&format!("{function}ApiPermission"));
        assert_eq!(permission["FunctionName"], format!("${{{function}Function}}"));
        assert_eq!(permission["Principal"], "apigateway.amazonaws.com");
    }
}
