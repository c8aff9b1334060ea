//! Requests of API Gateway (HTTP API, payload format 2.0) to a router, and its answers back.
//!
//! Promises that the router sees who the authorizer let through, and the invocation's deadline.
//! Does not check tokens: the authorizer has.

use annals_http::{Deadline, GatewayCaller};
use axum::Router;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use lambda_http::request::{LambdaRequest, RequestContext};
use lambda_http::tower::{Service, ServiceExt};
use lambda_http::{Adapter, LambdaEvent, Request, RequestExt, service_fn};
use serde_json::value::{RawValue, to_raw_value};
use tokio::time::Instant;

use crate::invocation::{Invocation, InvocationFailed};

/// The scope that admin routes need, as the authorizer's tokens name it.
const ADMIN_SCOPE: &str = "admin";

/// A router behind API Gateway.
#[derive(Clone)]
pub struct Gateway {
    router: Router,
    /// ARNs of the IAM principals, or of what stands above them, who may do what needs the admin scope.
    admin_arns: Vec<String>,
}

/// A request, read.
#[derive(Debug)]
pub struct GatewayRequest(ApiGatewayV2httpRequest);

impl Gateway {
    /// Requests go to `router`, which takes its login from the gateway.
    pub fn new(router: Router, admin_arns: Vec<String>) -> Self {
        Self { router, admin_arns }
    }

    /// The request of API Gateway that a payload is, if it is one.
    pub fn request(payload: &RawValue) -> Option<GatewayRequest> {
        // The cheap look first: most payloads of the ingest function are none.
        let request = payload.get().contains("\"requestContext\"").then(|| serde_json::from_str(payload.get()).ok());
        let is_request = |request: &ApiGatewayV2httpRequest| !request.request_context.http.method.as_str().is_empty();
        request.flatten().filter(is_request).map(GatewayRequest)
    }

    /// Answers an invocation that can be nothing but a request.
    pub async fn answer_invocation(&self, invocation: Invocation) -> Result<Box<RawValue>, InvocationFailed> {
        let request = serde_json::from_str(invocation.payload.get())
            .map_err(|error| InvocationFailed::unreadable("no request of API Gateway", &error))?;
        self.answer(GatewayRequest(request), invocation.deadline).await
    }

    /// Answers one request.
    pub async fn answer(&self, request: GatewayRequest, deadline: Instant) -> Result<Box<RawValue>, InvocationFailed> {
        let deadline = Deadline(deadline);
        let service = service_fn(move |mut request: Request| {
            if let Some(caller) = self.caller(&request) {
                request.extensions_mut().insert(caller);
            }
            request.extensions_mut().insert(deadline);
            self.router.clone().oneshot(request)
        });
        let event = LambdaEvent::new(LambdaRequest::ApiGatewayV2(request.0), lambda_http::Context::default());
        let answered = Adapter::from(service).call(event).await;
        let answer = answered.map_err(|error| InvocationFailed(error.to_string()))?;
        to_raw_value(&answer).map_err(|error| InvocationFailed(format!("the answer cannot be written: {error}")))
    }

    fn caller(&self, request: &Request) -> Option<GatewayCaller> {
        let Some(RequestContext::ApiGatewayV2(context)) = request.request_context_ref() else { return None };
        let authorizer = context.authorizer.as_ref()?;
        if let Some(jwt) = &authorizer.jwt {
            let listed = jwt.scopes.iter().flatten().any(|scope| scope == ADMIN_SCOPE);
            // A route without scopes of its own gets the token's from its claim: a list by spaces, or, as the
            // gateway writes one of JSON, `[read admin]`.
            let claims = ["scope", "scp"].into_iter().filter_map(|name| jwt.claims.get(name));
            let claimed = claims.flat_map(|claim| claim.split([' ', ',', '[', ']'])).any(|scope| scope == ADMIN_SCOPE);
            return Some(GatewayCaller { is_admin: listed || claimed });
        }
        let arn = authorizer.iam.as_ref()?.user_arn.as_deref()?;
        Some(GatewayCaller { is_admin: self.admin_arns.iter().any(|admin| is_of(arn, admin)) })
    }
}

/// Whether an ARN is that one, or one below it: `…:role/operators` has `…:role/operators/ann` below it, and
/// `…:role/operators-readonly` beside it.
fn is_of(arn: &str, admin: &str) -> bool {
    let below = arn.strip_prefix(admin);
    below.is_some_and(|rest| rest.is_empty() || admin.ends_with(['/', ':']) || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPERATORS: &str = "arn:aws:sts::111122223333:assumed-role/operators";

    #[track_caller]
    fn check(arn: &str, admin: &str, expected: bool) {
        assert_eq!(is_of(arn, admin), expected, "{arn} by {admin}");
    }

    #[test]
    fn an_admin_is_named_whole_or_up_to_a_boundary() {
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
