//! Credentials and region, with which every call is signed.

use annals_application::log_chain;
use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::credential_feature::AwsCredentialFeature;
use aws_credential_types::provider::ProvideCredentials;

use crate::doctor::Check;

const REMEDY: &str = "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; `aws sso login` renews a \
                      profile's session";

pub(super) async fn checks(config: &SdkConfig) -> Vec<Check> {
    let region = match config.region() {
        Some(region) => Check::ok("region", region.as_ref()),
        None => Check::wrong("region", "not set", "set AWS_REGION, or `region` in the profile"),
    };
    vec![credentials(config).await, region]
}

async fn credentials(config: &SdkConfig) -> Check {
    let name = "credentials";
    let Some(provider) = config.credentials_provider() else { return Check::wrong(name, "none", REMEDY) };
    match provider.provide_credentials().await {
        Ok(credentials) => Check::ok(name, describe(&credentials)),
        // The SDK lists all providers that it tried, a line each.
        Err(error) => Check::wrong(name, log_chain(&error).split_whitespace().collect::<Vec<_>>().join(" "), REMEDY),
    }
}

/// The id of the key and where it comes from; never the secret.
fn describe(credentials: &Credentials) -> String {
    use AwsCredentialFeature as From;
    let features = credentials.get_property::<Vec<AwsCredentialFeature>>();
    let has = |wanted: &[AwsCredentialFeature]| {
        features.is_some_and(|features| features.iter().any(|feature| wanted.contains(feature)))
    };
    let from = if has(&[From::CredentialsStsAssumeRole, From::CredentialsStsAssumeRoleWebId]) {
        "an assumed role"
    } else if has(&[From::CredentialsSso, From::CredentialsProfileSso]) {
        "single sign-on"
    } else if has(&[From::CredentialsEnvVars]) {
        "the environment"
    } else if has(&[From::CredentialsProcess, From::CredentialsProfileProcess]) {
        "the credential process of a profile"
    } else if has(&[From::CredentialsProfile]) {
        "a profile"
    } else if has(&[From::CredentialsImds]) {
        "the instance profile of this machine"
    } else if has(&[From::CredentialsHttp]) {
        "the role of this container"
    } else {
        "the default search of the SDK"
    };
    let lifetime = if credentials.session_token().is_some() { "temporary" } else { "long-term" };
    format!("{lifetime} key {} from {from}", credentials.access_key_id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_described_with_its_origin_and_without_its_secret() {
        let mut credentials = Credentials::from_keys("AKIDTEST", "hidden", Some("token".to_owned()));
        assert_eq!(describe(&credentials), "temporary key AKIDTEST from the default search of the SDK");
        credentials.set_property(vec![AwsCredentialFeature::CredentialsProfile, AwsCredentialFeature::CredentialsSso]);
        assert_eq!(describe(&credentials), "temporary key AKIDTEST from single sign-on");
    }
}
