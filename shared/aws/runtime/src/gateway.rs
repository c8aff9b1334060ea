//! Requests of API Gateway (HTTP API, payload format 2.0) to a router, and its answers back.
//!
//! Promises that the router sees who the authorizer let through, and the invocation's deadline.
//! Does not check tokens: the authorizer has.

use std::borrow::Cow;

use annals_http::{Deadline, GatewayCaller};
use axum::Router;
use lambda_http::request::{LambdaRequest, RequestContext};
use lambda_http::tower::{Service, ServiceExt};
use lambda_http::{Adapter, LambdaEvent, Request, RequestExt, service_fn};
use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::invocation::{Invocation, InvocationFailed};

/// The scope that admin routes need, as the authorizer's tokens name it.
const ADMIN_SCOPE: &str = "admin";

/// A router behind API Gateway.
#[derive(Clone)]
pub struct Gateway {
    router: Router,
    /// ARNs, or beginnings of ARNs, of the IAM principals who may do what needs the admin scope.
    admin_arns: Vec<String>,
}

/// What tells a request of the gateway from all else; its body is not read for that.
#[derive(Deserialize)]
struct Requested<'a> {
    #[serde(rename = "requestContext", borrow)]
    _context: RequestedBy<'a>,
}

#[derive(Deserialize)]
struct RequestedBy<'a> {
    #[serde(rename = "http", borrow)]
    _http: Line<'a>,
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(rename = "method")]
    _method: &'a str,
    #[serde(rename = "path")]
    _path: Cow<'a, str>,
}

impl Gateway {
    /// Requests go to `router`, which takes its login from the gateway.
    pub fn new(router: Router, admin_arns: Vec<String>) -> Self {
        Self { router, admin_arns }
    }

    /// Whether a payload is a request of API Gateway.
    pub fn is_request(payload: &RawValue) -> bool {
        // The cheap look first: most payloads of the ingest function are none.
        payload.get().contains("\"requestContext\"") && serde_json::from_str::<Requested<'_>>(payload.get()).is_ok()
    }

    /// Answers one request.
    pub async fn answer(&self, invocation: Invocation) -> Result<Box<RawValue>, InvocationFailed> {
        let request: LambdaRequest = serde_json::from_str(invocation.payload.get())
            .map_err(|error| InvocationFailed::unreadable("no request of API Gateway", &error))?;
        let deadline = Deadline(invocation.deadline);
        let service = service_fn(move |mut request: Request| {
            if let Some(caller) = self.caller(&request) {
                request.extensions_mut().insert(caller);
            }
            request.extensions_mut().insert(deadline);
            self.router.clone().oneshot(request)
        });
        let event = LambdaEvent::new(request, lambda_http::Context::default());
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
        Some(GatewayCaller { is_admin: self.admin_arns.iter().any(|admin| arn.starts_with(admin.as_str())) })
    }
}
