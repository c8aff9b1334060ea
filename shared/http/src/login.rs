//! The login: who may send requests, and who has the admin scope.
//!
//! If tokens are required, only routes that are open to anyone respond to a caller without one. What a route asks of a
//! caller is declared with the route, and checked in `guard`.

use annals_domain::definition::Catalog;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::access::{ADMIN, Access};
use crate::problem::{Problem, ProblemKind};
use crate::read_scope::{ReadScope, scope_of};
use crate::route::Route;
use crate::token_file::{Scope, TokenSet};

#[derive(Debug, Clone)]
pub enum Login {
    /// Not at all: everyone who reaches the socket may do everything. For loopback only: requests for other hosts are
    /// refused.
    None,
    Tokens(TokenSet),
    /// By an authorizer in front of the function; each request carries its result as a [`GatewayCaller`].
    Gateway,
}

/// The caller that the authorizer let through: an extension of the request, set by the function that serves it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GatewayCaller {
    pub is_admin: bool,
    /// The entity types that it may read.
    pub reads: ReadScope,
}

/// The rights of the caller: an extension of every request that passed the login.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    is_admin: bool,
    reads: ReadScope,
}

impl Caller {
    /// A 403 problem for a caller without this access; `what` names the route or parameter that needs it. Which type a
    /// reader may read is [`Self::need_type`]'s.
    pub(crate) fn need(&self, access: Access, what: &str) -> Result<(), Problem> {
        if self.is_admin || access != Access::Admin {
            return Ok(());
        }
        let challenge = "Bearer realm=\"annals\", error=\"insufficient_scope\", scope=\"admin\"";
        let problem = Problem::new(ProblemKind::Forbidden, format!("{what} needs the scope {ADMIN}"));
        Err(problem.with_header(header::WWW_AUTHENTICATE, challenge))
    }

    /// A 403 problem for a caller who may not read a type. Admins may read all types.
    pub(crate) fn need_type(&self, catalog: &Catalog, entity_type: &str) -> Result<(), Problem> {
        if self.is_admin || self.reads.allows(catalog, entity_type) {
            return Ok(());
        }
        let detail = format!("reading `{entity_type}` needs the scope {}", scope_of(entity_type));
        let problem = Problem::new(ProblemKind::Forbidden, detail);
        Err(problem.with_header(header::WWW_AUTHENTICATE, "Bearer realm=\"annals\", error=\"insufficient_scope\""))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // A request that no login has seen may only read.
        let unknown = Self { is_admin: false, reads: ReadScope::default() };
        Ok(parts.extensions.get().cloned().unwrap_or(unknown))
    }
}

/// Middleware: passes the request on with its [`Caller`], or responds with 401 or 403.
pub(crate) async fn check(State(login): State<Login>, mut request: Request, next: Next) -> Response {
    if matches!(login, Login::None)
        && let Err(problem) = check_loopback(request.headers())
    {
        return problem.into_response();
    }
    match login.caller(request.headers(), request.extensions().get()) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(_) if Route::is_open(request.uri().path()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

impl Login {
    fn caller(&self, headers: &HeaderMap, gateway: Option<&GatewayCaller>) -> Result<Caller, Problem> {
        let tokens = match (self, gateway) {
            (Self::None, _) => return Ok(Caller { is_admin: true, reads: ReadScope::default() }),
            (Self::Gateway, Some(caller)) => {
                return Ok(Caller { is_admin: caller.is_admin, reads: caller.reads.clone() });
            }
            // The gateway has no authorizer on this route.
            (Self::Gateway, None) => return Err(Problem::new(ProblemKind::Unauthorized, "a login is required")),
            (Self::Tokens(tokens), _) => tokens,
        };
        let Some(presented) = bearer(headers) else {
            let problem = Problem::new(
                ProblemKind::Unauthorized,
                "a token is required: send the header `Authorization: Bearer <token>`",
            );
            return Err(problem.with_header(header::WWW_AUTHENTICATE, "Bearer realm=\"annals\""));
        };
        let Some(scopes) = tokens.scopes_of(presented) else {
            let challenge = "Bearer realm=\"annals\", error=\"invalid_token\"";
            let problem = Problem::new(ProblemKind::Unauthorized, "unknown token");
            return Err(problem.with_header(header::WWW_AUTHENTICATE, challenge));
        };
        let reads = ReadScope::of_scopes(scopes.iter().filter_map(Scope::as_read));
        Ok(Caller { is_admin: scopes.contains(&Scope::Admin), reads })
    }
}

/// Without a login, a web page of another site could make a browser on this machine send requests. The browser reveals
/// the host and the origin, so both must be loopback.
fn check_loopback(headers: &HeaderMap) -> Result<(), Problem> {
    for value in [header::HOST, header::ORIGIN].into_iter().filter_map(|name| headers.get(name)) {
        let authority = value.to_str().unwrap_or_default().trim_start_matches("http://");
        if !is_loopback(authority) {
            let detail = "without a login the API responds only to `localhost` and loopback addresses";
            return Err(Problem::new(ProblemKind::Forbidden, detail));
        }
    }
    Ok(())
}

fn is_loopback(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
    };
    host.eq_ignore_ascii_case("localhost") || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// The token of the `Authorization: Bearer` header, if there is exactly one. The scheme is case-insensitive.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (value, another) = (values.next()?, values.next());
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    (another.is_none() && scheme.eq_ignore_ascii_case("bearer")).then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[track_caller]
    fn check(values: &[&'static str], expected: Option<&str>) {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, HeaderValue::from_static(value));
        }
        assert_eq!(bearer(&headers), expected, "{values:?}");
    }

    #[test]
    fn only_loopback_hosts_are_served_without_a_login() {
        for authority in ["localhost", "localhost:8080", "127.0.0.1:8080", "127.0.0.9", "[::1]:8080", "LOCALHOST:1"] {
            assert!(is_loopback(authority), "{authority}");
        }
        for authority in
            ["", "evil.example", "evil.example:8080", "10.0.0.1:8080", "[::2]:80", "localhost.evil:1", "null"]
        {
            assert!(!is_loopback(authority), "{authority}");
        }
    }

    #[test]
    fn a_bearer_token_is_read_from_exactly_one_header() {
        check(&["Bearer abc"], Some("abc"));
        check(&["bearer  abc "], Some("abc"));
        check(&["Basic abc"], None);
        check(&["Bearer"], None);
        check(&["Bearer abc", "Bearer abc"], None);
        check(&[], None);
    }
}
