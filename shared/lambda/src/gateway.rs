//! Passes requests of API Gateway (HTTP API, payload format 2.0) to a router, with the caller and the deadline.
//!
//! Tokens and signatures are not checked here: API Gateway's authorizer has done so.

use annals_http::{Deadline, GatewayCaller, ReadScope};
use axum::Router;
use lambda_http::aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use lambda_http::request::{LambdaRequest, RequestContext};
use lambda_http::tower::{Service, ServiceExt};
use lambda_http::{Adapter, Body, LambdaEvent, Request, RequestExt, service_fn};
use serde_json::value::{RawValue, to_raw_value};
use tokio::time::Instant;

use crate::invocation::{Invocation, InvocationFailed};

/// The scope in a token that admin routes need.
const ADMIN_SCOPE: &str = "admin";

/// The most bytes of a response whose body is a text.
const LARGEST_TEXT: usize = 5 * 1024 * 1024;

/// A router behind API Gateway.
#[derive(Clone)]
pub struct Gateway {
    router: Router,
    /// ARNs of the IAM principals with the admin scope; an ARN includes those below it.
    admin_arns: Vec<String>,
}

#[derive(Debug)]
pub struct GatewayRequest(ApiGatewayV2httpRequest);

impl Gateway {
    /// `router` must use `Login::Gateway`. `admin_arns` have the admin scope if callers are IAM principals.
    pub fn new(router: Router, admin_arns: Vec<String>) -> Self {
        Self { router, admin_arns }
    }

    /// The request in a payload, or `None` if the payload is not from API Gateway.
    pub fn request(payload: &RawValue) -> Option<GatewayRequest> {
        // The cheap check first: most payloads of the ingest function are change events.
        let request = payload.get().contains("\"requestContext\"").then(|| serde_json::from_str(payload.get()).ok());
        let is_request = |request: &ApiGatewayV2httpRequest| !request.request_context.http.method.as_str().is_empty();
        request.flatten().filter(is_request).map(GatewayRequest)
    }

    /// Handles an invocation of a function that only API Gateway invokes.
    pub async fn handle_invocation(&self, invocation: Invocation) -> Result<Box<RawValue>, InvocationFailed> {
        let request = serde_json::from_str(invocation.payload.get())
            .map_err(|error| InvocationFailed::unreadable("not a request of API Gateway: unexpected JSON", &error))?;
        self.handle(GatewayRequest(request), invocation.deadline).await
    }

    /// Passes a request to the router and returns its response.
    pub async fn handle(&self, request: GatewayRequest, deadline: Instant) -> Result<Box<RawValue>, InvocationFailed> {
        let deadline = Deadline(deadline);
        let service = service_fn(move |mut request: Request| {
            if let Some(caller) = self.caller(&request) {
                request.extensions_mut().insert(caller);
            }
            request.extensions_mut().insert(deadline);
            self.router.clone().oneshot(request)
        });
        let event = LambdaEvent::new(LambdaRequest::ApiGatewayV2(request.0), lambda_http::Context::default());
        let response = Adapter::from(service).call(event).await;
        let response = response.map_err(|error| InvocationFailed(error.to_string()))?;
        let response = to_raw_value(&response).map_err(|error| InvocationFailed::unwritable(&error))?;
        within_limit(response).map_err(|error| InvocationFailed::unwritable(&error))
    }

    fn caller(&self, request: &Request) -> Option<GatewayCaller> {
        let Some(RequestContext::ApiGatewayV2(context)) = request.request_context_ref() else { return None };
        let authorizer = context.authorizer.as_ref()?;
        if let Some(jwt) = &authorizer.jwt {
            let listed = jwt.scopes.iter().flatten().map(String::as_str);
            // For a route without scopes, the gateway passes the token's claim only: separated by spaces, or, if it
            // was a JSON array, as `[read admin]`.
            let claims = ["scope", "scp"].into_iter().filter_map(|name| jwt.claims.get(name));
            let claimed = claims.flat_map(|claim| claim.split([' ', ',', '[', ']']));
            let scopes: Vec<&str> = listed.chain(claimed).collect();
            let reads = ReadScope::of_scopes(scopes.iter().copied());
            return Some(GatewayCaller { is_admin: scopes.contains(&ADMIN_SCOPE), reads });
        }
        let arn = authorizer.iam.as_ref()?.user_arn.as_deref()?;
        let is_admin = self.admin_arns.iter().any(|admin| is_at_or_below(arn, admin));
        Some(GatewayCaller { is_admin, reads: ReadScope::default() })
    }
}

/// Encodes a large body as Base64, which API Gateway decodes. In a JSON text each quote of the body takes more bytes than
/// it has, and Lambda refuses a response of more than 6 MB.
fn within_limit(response: Box<RawValue>) -> serde_json::Result<Box<RawValue>> {
    if response.get().len() <= LARGEST_TEXT {
        return Ok(response);
    }
    let mut response: ApiGatewayV2httpResponse = serde_json::from_str(response.get())?;
    response.body = response.body.map(|body| Body::Binary(body.to_vec()));
    response.is_base64_encoded = true;
    to_raw_value(&response)
}

/// Whether an ARN is `admin` or below it: `…:role/operators/ann` is below `…:role/operators`, but
/// `…:role/operators-readonly` is not.
fn is_at_or_below(arn: &str, admin: &str) -> bool {
    let below = arn.strip_prefix(admin);
    below.is_some_and(|rest| rest.is_empty() || admin.ends_with(['/', ':']) || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPERATORS: &str = "arn:aws:sts::111122223333:assumed-role/operators";

    #[track_caller]
    fn check(arn: &str, admin: &str, expected: bool) {
        assert_eq!(is_at_or_below(arn, admin), expected, "{arn} by {admin}");
    }

    #[tokio::test]
    async fn a_large_body_stays_below_the_limit_of_lambda() {
        const LAMBDA_LIMIT: usize = 6 * 1024 * 1024;
        // The body of an answer has at most 4 MiB, and these characters become twice as many in a JSON text.
        for (body, is_encoded) in [("\"\\".repeat(2 * 1024 * 1024), true), ("\"\\".repeat(1024 * 1024), false)] {
            let text = body.clone();
            let router = Router::new().fallback(async move || ([("content-type", "application/json")], text));
            let request = include_str!("../../../events/query/list-clients.json");
            let request = RawValue::from_string(request.to_owned()).expect("JSON");
            let gateway = Gateway::new(router, Vec::new());
            let request = Gateway::request(&request).expect("a request of API Gateway");
            let response = gateway.handle(request, Instant::now()).await.expect("a response");
            assert!(response.get().len() < LAMBDA_LIMIT, "{}", response.get().len());
            let response: ApiGatewayV2httpResponse = serde_json::from_str(response.get()).expect("a response");
            assert_eq!(response.is_base64_encoded, is_encoded);
        }
    }

    #[test]
    fn an_admin_arn_is_complete_or_ends_at_a_boundary() {
        let ann = format!("{OPERATORS}/ann");
        check(&ann, &ann, true);
        check(&ann, OPERATORS, true);
        check(&ann, &format!("{OPERATORS}/"), true);
        check(&ann, "arn:aws:sts::111122223333:", true);
        check(&ann, &OPERATORS[..OPERATORS.len() - 1], false);
        check(&format!("{ann}e"), &ann, false);
        check(&format!("{OPERATORS}-readonly/ann"), OPERATORS, false);
    }
}
