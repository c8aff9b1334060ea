//! The token endpoint: client credentials, and JWTs of the app.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Form, Json};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::{Value, json};

use super::shared::Shared;

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// How far in the future a JWT may expire, in seconds.
const LONGEST_JWT: i64 = 300;
const AUDIENCES: [&str; 2] = ["https://login.salesforce.com", "https://test.salesforce.com"];

type Refusal = (&'static str, &'static str);

pub(super) async fn token(State(shared): State<Arc<Shared>>, Form(form): Form<BTreeMap<String, String>>) -> Response {
    let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let granted = match field("grant_type") {
        "client_credentials" => check_credentials(&shared, field("client_id"), field("client_secret")),
        JWT_BEARER => check_assertion(&shared, field("assertion")),
        _ => Err(("unsupported_grant_type", "grant type not supported")),
    };
    if let Err((error, description)) = granted {
        let body = json!({ "error": error, "error_description": description });
        return (StatusCode::BAD_REQUEST, Json(body)).into_response();
    }
    Json(grant(&shared)).into_response()
}

fn grant(shared: &Shared) -> Value {
    let org = shared.org.lock().id.clone();
    let mut state = shared.lock();
    let token = format!("{org}!AQ{:06}", state.next_number());
    state.sessions.insert(token.clone());
    json!({
        "access_token": token,
        "signature": "c2lnbmF0dXJl",
        "scope": "api",
        "instance_url": shared.url,
        "id": format!("{}/id/{org}/005Qz000001mAr1IAE", shared.url),
        "token_type": "Bearer",
        "issued_at": shared.org.clock().now().millis().to_string(),
    })
}

fn check_credentials(shared: &Shared, id: &str, secret: &str) -> Result<(), Refusal> {
    if id != shared.settings.client_id {
        return Err(("invalid_client_id", "client identifier invalid"));
    }
    if secret != shared.settings.client_secret {
        return Err(("invalid_client", "invalid client credentials"));
    }
    Ok(())
}

fn check_assertion(shared: &Shared, assertion: &str) -> Result<(), Refusal> {
    const INVALID: Refusal = ("invalid_grant", "invalid assertion");
    let (signed, signature) = assertion.rsplit_once('.').ok_or(INVALID)?;
    let (header, claims) = signed.split_once('.').ok_or(INVALID)?;
    let header = part(header).ok_or(INVALID)?;
    let claims = part(claims).ok_or(INVALID)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| INVALID)?;
    if header["alg"] != "RS256" {
        return Err(INVALID);
    }
    if claims["iss"] != shared.settings.client_id.as_str() {
        return Err(("invalid_client_id", "client identifier invalid"));
    }
    let key = shared.settings.public_key.as_ref().ok_or(INVALID)?;
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key);
    key.verify(signed.as_bytes(), &signature).map_err(|_| INVALID)?;
    let is_audience = |text: &str| AUDIENCES.contains(&text) || text == shared.url;
    if !claims["aud"].as_str().is_some_and(is_audience) {
        return Err(("invalid_grant", "audience is invalid"));
    }
    let left = claims["exp"].as_i64().ok_or(INVALID)? - shared.org.clock().now().millis() / 1_000;
    if !(1..=LONGEST_JWT).contains(&left) {
        return Err(("invalid_grant", "expired authorization code"));
    }
    if claims["sub"] != shared.settings.username.as_str() {
        return Err(("invalid_grant", "user hasn't approved this consumer"));
    }
    Ok(())
}

fn part(text: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}
