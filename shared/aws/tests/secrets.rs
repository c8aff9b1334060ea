//! Secrets Manager, on moto.

#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

use annals_application::ports::PortErrorKind;
use annals_aws::secrets::SecretsManager;
use annals_services::{moto_endpoint, sdk_config};
use aws_sdk_secretsmanager::Client;
use secrecy::ExposeSecret as _;
use uuid::Uuid;

#[expect(clippy::disallowed_methods, reason = "the name of a test's own secret")]
fn name() -> String {
    format!("annals-{}", Uuid::new_v4())
}

#[tokio::test]
async fn a_secret_is_read_by_its_arn_and_never_printed() {
    let config = sdk_config(&moto_endpoint());
    let created = Client::new(&config).create_secret().name(name()).secret_string("consumer secret").send().await;
    let arn = created.unwrap().arn.unwrap();
    let text = SecretsManager::new(&config).text(&arn).await.unwrap();
    assert_eq!(text.expose_secret(), "consumer secret");
    assert!(!format!("{text:?}").contains("consumer secret"));
}

#[tokio::test]
async fn a_secret_without_a_value_or_that_is_not_there_is_an_operators_matter() {
    let config = sdk_config(&moto_endpoint());
    let empty = Client::new(&config).create_secret().name(name()).send().await.unwrap().arn.unwrap();
    let missing = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:nothing-AbCdEf";
    for arn in [empty.as_str(), missing] {
        let error = SecretsManager::new(&config).text(arn).await.unwrap_err();
        assert_eq!(error.kind, PortErrorKind::Misconfigured, "{error}");
        assert!(error.to_string().contains(arn), "{error}");
    }
}
