//! Authorised calls to the org: one token for all calls, renewed once when it is refused; what is transient is tried
//! again, with growing waits and as late as the response says.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use annals_application::backoff::{Backoff, RetryPolicy};
use annals_application::ports::{Clock, Ids};
use annals_domain::timestamp::Timestamp;
use bytes::Bytes;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, DATE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Method};
use secrecy::ExposeSecret as _;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::api_usage::{ApiUsage, LatestUsage};
use crate::failure::{Failure, FailureKind, is_html};
use crate::settings::SalesforceSettings;
use crate::token::{self, Session};

/// How long calls may take, and how often they are tried again.
#[derive(Debug, Clone, Copy)]
pub struct CallLimits {
    /// Of one call, its body included. Salesforce itself ends a query after two minutes.
    pub timeout: Duration,
    pub retries: RetryPolicy,
}

impl Default for CallLimits {
    fn default() -> Self {
        let backoff = Backoff::doubling(Duration::from_millis(500), Duration::from_secs(8));
        Self {
            timeout: Duration::from_secs(125),
            retries: RetryPolicy { attempts: 4, time_limit: Duration::from_secs(20), backoff },
        }
    }
}

/// A successful response.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) body: Bytes,
    /// By the org's clock.
    pub(crate) at: Timestamp,
    headers: HeaderMap,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(crate) fn text(&self) -> Result<&str, Failure> {
        let text = std::str::from_utf8(&self.body).map_err(|_| Failure::malformed("the response is not UTF-8"))?;
        if is_html(text) { Err(Failure::malformed("an HTML page in place of a response of the API")) } else { Ok(text) }
    }

    fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        let text = self.text()?;
        serde_json::from_str(text).map_err(|error| {
            let cut =
                if error.is_eof() { "the JSON of the response is cut off" } else { "the response has an unknown form" };
            Failure::malformed(format!("{cut}: {error}"))
        })
    }
}

/// A call below `/services/data`, relative to the version, or absolute as Salesforce's own links are.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    method: Method,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Option<String>,
}

impl Call {
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), headers: Vec::new(), body: None }
    }

    pub(crate) fn post(path: impl Into<String>, json: String) -> Self {
        Self { method: Method::POST, path: path.into(), headers: Vec::new(), body: Some(json) }
    }

    #[must_use]
    pub(crate) fn with_header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }
}

pub(crate) struct Connection {
    http: Client,
    settings: SalesforceSettings,
    limits: CallLimits,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    session: Mutex<Option<Session>>,
    usage: LatestUsage,
    /// How far the org's clock is ahead of ours, in milliseconds, by the newest response.
    ahead_ms: AtomicI64,
}

impl Connection {
    pub(crate) fn new(
        settings: SalesforceSettings,
        limits: CallLimits,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
    ) -> Result<Self, Failure> {
        // The HTTP client takes the TLS provider of the process; another part may have installed it before.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = Client::builder()
            .timeout(limits.timeout)
            .connect_timeout(Duration::from_secs(10))
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("annals/", env!("CARGO_PKG_VERSION")));
        let builder = if settings.url.is_plain() { builder.no_proxy() } else { builder };
        let http = builder.build().map_err(|error| {
            Failure::new(FailureKind::Rejected, format!("the HTTP client cannot be set up: {error}"))
        })?;
        Ok(Self {
            http,
            settings,
            limits,
            clock,
            ids,
            session: Mutex::new(None),
            usage: LatestUsage::default(),
            ahead_ms: AtomicI64::new(0),
        })
    }

    pub(crate) fn settings(&self) -> &SalesforceSettings {
        &self.settings
    }

    pub(crate) fn usage(&self) -> Option<ApiUsage> {
        self.usage.get()
    }

    /// The time at the org, by the newest response.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now().plus_millis(self.ahead_ms.load(Ordering::Relaxed))
    }

    /// The bytes of the URI of a call, for the limit on URIs.
    pub(crate) fn uri_length(&self, path: &str) -> usize {
        self.settings.url.as_str().len() + self.versioned(path).len()
    }

    /// Gets JSON. A body that is not JSON, or cut off, is tried again like an outage.
    pub(crate) async fn json<T: DeserializeOwned>(&self, call: &Call) -> Result<(T, Timestamp), Failure> {
        self.retried(call, |response| Ok((response.json()?, response.at))).await
    }

    pub(crate) async fn call(&self, call: &Call) -> Result<Response, Failure> {
        self.retried(call, Ok).await
    }

    /// Gets a session without a call of the API, which checks the credentials.
    pub(crate) async fn log_in(&self) -> Result<(), Failure> {
        self.session(None).await.map(drop)
    }

    async fn retried<T>(&self, call: &Call, read: impl Fn(Response) -> Result<T, Failure>) -> Result<T, Failure> {
        let started = Instant::now();
        let mut attempt = 1;
        loop {
            let failure = match self.authorised(call).await.and_then(&read) {
                Err(failure) if failure.is_transient() => failure,
                result => return result,
            };
            let wait = self.limits.retries.next_wait(attempt, started.elapsed(), self.ids.fresh());
            let wait = wait.map(|wait| wait.max(failure.retry_after.unwrap_or_default()));
            let fits = |wait: &Duration| started.elapsed() + *wait < self.limits.retries.time_limit;
            let Some(wait) = wait.filter(fits) else { return Err(failure) };
            tracing::debug!(attempt, error = %failure, "call to Salesforce failed; trying again");
            tokio::time::sleep(wait).await;
            attempt += 1;
        }
    }

    /// Sends a call, once more with a new token if the token was refused.
    async fn authorised(&self, call: &Call) -> Result<Response, Failure> {
        let session = self.session(None).await?;
        match self.send(call, &session).await {
            Err(failure) if failure.kind == FailureKind::SessionExpired => {
                let session = self.session(Some(&session)).await?;
                self.send(call, &session).await.map_err(|failure| match failure.kind {
                    FailureKind::SessionExpired => Failure { kind: FailureKind::Unauthorised, ..failure },
                    _ => failure,
                })
            }
            result => result,
        }
    }

    /// The session in use; a new one if there is none, or if it is still the refused one.
    async fn session(&self, refused: Option<&Session>) -> Result<Session, Failure> {
        let mut current = self.session.lock().await;
        let is_refused = |session: &Session| {
            refused.is_some_and(|refused| refused.token.expose_secret() == session.token.expose_secret())
        };
        if let Some(session) = current.as_ref().filter(|session| !is_refused(session)) {
            return Ok(session.clone());
        }
        *current = None;
        let session = self.new_session().await?;
        *current = Some(session.clone());
        Ok(session)
    }

    async fn new_session(&self) -> Result<Session, Failure> {
        let audience = token::audience(&self.settings.url);
        let before = self.ahead_ms.load(Ordering::Relaxed);
        match self.request_token(audience).await {
            // A JWT is refused if our clock is wrong. The response says the org's time: once more with that.
            Err(failure) if failure.message.contains("expired") && self.ahead_ms.load(Ordering::Relaxed) != before => {
                self.request_token(audience).await
            }
            // An org at an address of its own may still name the audience of the documentation.
            Err(failure) if failure.message.contains("audience") && audience != token::PRODUCTION => {
                self.request_token(token::PRODUCTION).await
            }
            result => result,
        }
    }

    async fn request_token(&self, audience: &str) -> Result<Session, Failure> {
        let form = token::form(&self.settings, audience, self.now())?;
        let url = format!("{}/services/oauth2/token", self.settings.url.as_str());
        let request = self.http.post(url).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let request = request.header(ACCEPT, "application/json").body(form.expose_secret().to_owned());
        let response = self.finish(request).await.map_err(|failure| match failure.kind {
            FailureKind::SessionExpired | FailureKind::Rejected | FailureKind::NotFound => {
                Failure { kind: FailureKind::Unauthorised, ..failure }
            }
            _ => failure,
        })?;
        token::session(response.text()?, &self.settings.url)
    }

    async fn send(&self, call: &Call, session: &Session) -> Result<Response, Failure> {
        let url = format!("{}{}", session.instance.as_str(), self.versioned(&call.path));
        let mut request = self.http.request(call.method.clone(), url);
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", session.token.expose_secret()))
            .map_err(|_| Failure::malformed("the token has characters that a header cannot carry"))?;
        bearer.set_sensitive(true);
        request = request.header(AUTHORIZATION, bearer);
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        if let Some(body) = &call.body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.clone());
        }
        self.finish(request).await
    }

    async fn finish(&self, request: reqwest::RequestBuilder) -> Result<Response, Failure> {
        let response = request.send().await.map_err(|error| no_response(&error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let at = self.note(&headers);
        let body = response.bytes().await.map_err(|error| no_response(&error))?;
        if status.is_success() {
            return Ok(Response { body, at, headers });
        }
        let mut failure = Failure::of_response(status.as_u16(), &String::from_utf8_lossy(&body));
        failure.retry_after = retry_after(&headers, at);
        Err(failure)
    }

    /// Notes what a response says of the calls used and of the org's clock, which it returns.
    fn note(&self, headers: &HeaderMap) -> Timestamp {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        if let Some(usage) = text("sforce-limit-info").and_then(ApiUsage::parse) {
            self.usage.note(usage);
        }
        let Some(at) = text(DATE.as_str()).and_then(http_date) else { return self.now() };
        let ahead = at.millis() - self.clock.now().millis();
        // The header has whole seconds, so a smaller difference says nothing.
        self.ahead_ms.store(if ahead.abs() < 2_000 { 0 } else { ahead }, Ordering::Relaxed);
        at
    }

    fn versioned(&self, path: &str) -> String {
        if path.starts_with("/services/") {
            path.to_owned()
        } else {
            format!("/services/data/v{}{path}", self.settings.api_version.as_str())
        }
    }
}

fn http_date(text: &str) -> Option<Timestamp> {
    let elapsed = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
    Timestamp::from_millis(i64::try_from(elapsed.as_millis()).ok()?).ok()
}

/// Seconds, or a date.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let wait = http_date(text)?.millis() - now.millis();
    Some(Duration::from_millis(u64::try_from(wait).unwrap_or_default()))
}

fn no_response(error: &reqwest::Error) -> Failure {
    let message = if error.is_connect() {
        "Salesforce cannot be reached"
    } else if error.is_timeout() {
        "no response within the time limit"
    } else {
        "the connection was lost before the whole response arrived"
    };
    let cause = std::error::Error::source(error).map(|cause| format!(": {}", annals_application::log_chain(cause)));
    Failure::new(FailureKind::Unavailable, format!("{message}{}", cause.unwrap_or_default()))
}
