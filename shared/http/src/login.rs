//! The login: whether a request may be answered at all, and which scopes it has.
//!
//! Promises that nothing but `/health` is answered to a caller without a token where tokens are
//! asked for, and that what a route needs beyond that is written at the route. Does not read
//! tokens: `crate::token_file` does.

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::problem::{Kind, Problem};
use crate::token_file::{Scope, TokenSet};

/// How callers show who they are.
#[derive(Debug, Clone)]
pub enum Login {
    /// Not at all: everyone who reaches the socket may do everything. For loopback, and behind
    /// an authorizer.
    None,
    /// By a bearer token out of this set.
    Tokens(TokenSet),
    /// By an authorizer in front, whose word each request carries as a `GatewayCaller`.
    Gateway,
}

/// Whom the authorizer in front let through; an extension of the request, set by who serves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GatewayCaller {
    /// Whether the caller may do what needs the admin scope.
    pub is_admin: bool,
}

/// What this request's caller may do; set on every request that passed the login.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller {
    is_admin: bool,
}

impl Caller {
    /// Refuses a caller without the admin scope.
    pub(crate) fn need_admin(self, what: &str) -> Result<(), Problem> {
        if self.is_admin {
            return Ok(());
        }
        let challenge = "Bearer realm=\"annals\", error=\"insufficient_scope\", scope=\"admin\"";
        let problem = Problem::new(Kind::Forbidden, format!("{what} needs a token with the scope admin"));
        Err(problem.with_header(header::WWW_AUTHENTICATE, challenge))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // A request that came by no login may read, and nothing more.
        Ok(parts.extensions.get().copied().unwrap_or(Self { is_admin: false }))
    }
}

/// A caller with the admin scope.
#[derive(Debug)]
pub(crate) struct Admin;

impl<S: Send + Sync> FromRequestParts<S> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Caller::from_request_parts(parts, state).await?.need_admin("this route").map(|()| Self)
    }
}

/// Lets a request through, or answers 401.
pub(crate) async fn check(State(login): State<Login>, mut request: Request, next: Next) -> Response {
    if matches!(login, Login::None)
        && let Err(problem) = from_this_machine(request.headers())
    {
        return problem.into_response();
    }
    let is_open = request.uri().path() == "/health";
    match login.caller(request.headers(), request.extensions().get()) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(_) if is_open => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

impl Login {
    fn caller(&self, headers: &HeaderMap, gateway: Option<&GatewayCaller>) -> Result<Caller, Problem> {
        let tokens = match (self, gateway) {
            (Self::None, _) => return Ok(Caller { is_admin: true }),
            (Self::Gateway, Some(caller)) => return Ok(Caller { is_admin: caller.is_admin }),
            // Only a gateway without an authorizer on this route lets such a request through.
            (Self::Gateway, None) => return Err(Problem::new(Kind::Unauthorized, "a login is needed")),
            (Self::Tokens(tokens), _) => tokens,
        };
        let Some(presented) = bearer(headers) else {
            let problem = Problem::new(Kind::Unauthorized, "a token is needed: `Authorization: Bearer <token>`");
            return Err(problem.with_header(header::WWW_AUTHENTICATE, "Bearer realm=\"annals\""));
        };
        let Some(scopes) = tokens.scopes_of(presented) else {
            let challenge = "Bearer realm=\"annals\", error=\"invalid_token\"";
            let problem = Problem::new(Kind::Unauthorized, "the token is not known here");
            return Err(problem.with_header(header::WWW_AUTHENTICATE, challenge));
        };
        Ok(Caller { is_admin: scopes.contains(&Scope::Admin) })
    }
}

/// Where no login is asked for, a page of some other site may still make a browser on this machine
/// call: it cannot hide for which host, or from which origin.
fn from_this_machine(headers: &HeaderMap) -> Result<(), Problem> {
    let named = [header::HOST, header::ORIGIN].map(|name| headers.get(name));
    for value in named.into_iter().flatten() {
        let authority = value.to_str().unwrap_or_default().trim_start_matches("http://");
        if !is_loopback(authority) {
            let detail = "without a login only `localhost` and loopback addresses are served";
            return Err(Problem::new(Kind::Forbidden, detail));
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

/// The token of the one `Authorization: Bearer` header. The scheme's name has no case.
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
    fn only_this_machine_is_served_without_a_login() {
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
    fn a_bearer_token_is_read_from_one_header() {
        check(&["Bearer abc"], Some("abc"));
        check(&["bearer  abc "], Some("abc"));
        check(&["Basic abc"], None);
        check(&["Bearer"], None);
        check(&["Bearer abc", "Bearer abc"], None);
        check(&[], None);
    }
}
