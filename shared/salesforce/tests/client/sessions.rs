//! Tokens: how they are obtained, used again and renewed.

use std::sync::Arc;

use annals_application::ports::{CrmClient as _, CrmErrorKind};
use annals_application::system::SystemClock;
use annals_fake_salesforce::{FakeSettings, Fault, FaultAnswer};

use crate::fixture::{Fixture, KEY, Options, account, file, public_key};

const TOKEN: &str = "POST /services/oauth2/token";

#[tokio::test]
async fn one_token_serves_all_calls() {
    let fixture = Fixture::start().await;
    for _ in 0..3 {
        fixture.client.describe(&account()).await.unwrap();
    }
    assert_eq!(fixture.requests(TOKEN).len(), 1);
}

#[tokio::test]
async fn calls_that_begin_together_share_one_new_token() {
    let fixture = Fixture::start().await;
    let account = account();
    let (one, other) = tokio::join!(fixture.client.describe(&account), fixture.client.describe(&account));
    assert!(one.is_ok() && other.is_ok());
    assert_eq!(fixture.requests(TOKEN).len(), 1);
}

#[tokio::test]
async fn an_expired_session_is_renewed_once() {
    let fixture = Fixture::start().await;
    fixture.client.describe(&account()).await.unwrap();
    fixture.server.expire_sessions();
    fixture.client.describe(&account()).await.unwrap();
    assert_eq!(fixture.requests(TOKEN).len(), 2);
}

#[tokio::test]
async fn a_token_that_is_refused_again_and_again_is_a_matter_for_a_person() {
    let fixture = Fixture::start().await;
    fixture.server.faults().plan(Fault { times: 99, ..Fault::once("/describe", FaultAnswer::ExpireSession) });
    let error = fixture.client.describe(&account()).await.unwrap_err();
    assert_eq!(error.kind, CrmErrorKind::Unauthorised, "{error}");
    assert_eq!(fixture.requests(TOKEN).len(), 2, "one renewal, not more");
}

#[tokio::test]
async fn a_wrong_secret_is_told_with_what_to_check_and_without_the_secret() {
    let variables = vec![("ANNALS_SALESFORCE_CLIENT_SECRET", "not-the-secret".to_owned())];
    let fixture = Fixture::with(Options { variables, ..Options::default() }).await;
    let error = fixture.client.describe(&account()).await.unwrap_err();
    assert_eq!(error.kind, CrmErrorKind::Unauthorised, "{error}");
    let text = format!("{error} {error:?}");
    assert!(text.contains("invalid_client") && text.contains("ANNALS_SALESFORCE_CLIENT_SECRET"), "{text}");
    assert!(!text.contains("not-the-secret"), "{text}");
    assert_eq!(fixture.requests(TOKEN).len(), 1, "it is not tried again: accounts are locked for that");
}

/// An org that knows the key of these tests, and a client with another, or the same.
async fn with_key(key: &str, username: &str, clock: Option<Arc<dyn annals_application::ports::Clock>>) -> Fixture {
    let key = file(key);
    let settings = FakeSettings { public_key: Some(public_key(KEY)), ..FakeSettings::default() };
    let variables = vec![
        ("ANNALS_SALESFORCE_CLIENT_SECRET", String::new()),
        ("ANNALS_SALESFORCE_USERNAME", username.to_owned()),
        ("ANNALS_SALESFORCE_PRIVATE_KEY_FILE", key.path().display().to_string()),
    ];
    Fixture::with(Options { settings, variables, clock, ..Options::default() }).await
}

#[tokio::test]
async fn a_signed_jwt_gets_a_token() {
    let fixture = with_key(KEY, &FakeSettings::default().username, None).await;
    fixture.client.describe(&account()).await.unwrap();
    assert_eq!(fixture.requests(TOKEN).len(), 1);
}

#[tokio::test]
async fn a_jwt_of_a_wrong_clock_is_made_again_by_the_clock_of_the_org() {
    // The org's clock stands in March 2026, far from that of this machine.
    let fixture = with_key(KEY, &FakeSettings::default().username, Some(Arc::new(SystemClock))).await;
    let described = fixture.client.describe(&account()).await.unwrap();
    assert_eq!(described.described_at, fixture.org().clock().now());
    assert_eq!(fixture.requests(TOKEN).len(), 2);
}

#[tokio::test]
async fn a_jwt_of_an_unknown_user_or_key_is_told_with_what_to_do() {
    const OTHER: &str = include_str!("other_key.pem");
    let refusals = [
        (KEY, "nobody@example.com", "user hasn't approved this consumer"),
        (OTHER, "integration@annals.example", "upload the certificate of this private key"),
    ];
    for (key, username, message) in refusals {
        let fixture = with_key(key, username, None).await;
        let error = fixture.client.describe(&account()).await.unwrap_err();
        assert_eq!(error.kind, CrmErrorKind::Unauthorised, "{error}");
        assert!(error.to_string().contains(message), "{error}");
    }
}

#[tokio::test]
async fn the_rest_of_a_result_that_was_of_an_earlier_session_is_queried_again() {
    let settings = FakeSettings { batch_size: 2, ..FakeSettings::default() };
    let fixture = Fixture::with(Options { settings, ..Options::default() }).await;
    let created = fixture.accounts(5);
    let asked: Vec<_> = created.iter().map(|id| annals_domain::identity::ExternalId::new(id.as_str())).collect();
    let gone = r#"[{"message":"invalid query locator","errorCode":"INVALID_QUERY_LOCATOR"}]"#;
    fixture.server.faults().plan(Fault::json("/queryAll/", 1, 400, gone));
    let lookup = fixture.client.records(&account(), &["Name".to_owned()], &asked).await.unwrap();
    assert_eq!((lookup.found.len(), lookup.absent.len()), (5, 0));
}

#[tokio::test]
async fn a_checkup_tells_versions_and_captured_objects() {
    let fixture = Fixture::start().await;
    fixture.client.log_in().await.unwrap();
    assert!(fixture.client.versions().await.unwrap().contains(&fixture.client.version().to_owned()));
    fixture.org().select_for_capture(&["Account", "Platform__c"]);
    let captured = fixture.client.captured_objects().await.unwrap();
    assert_eq!(captured, Some(vec!["Account".to_owned(), "Platform__c".to_owned()]));
    let unknown = r#"[{"message":"The requested resource does not exist","errorCode":"NOT_FOUND"}]"#;
    fixture.server.faults().plan(Fault::json("/tooling/", 1, 404, unknown));
    assert_eq!(fixture.client.captured_objects().await.unwrap(), None);
}
