//! Credentials and region: what every call is signed with.

use annals_application::log_chain;
use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::credential_feature::AwsCredentialFeature;
use aws_credential_types::provider::ProvideCredentials;

use super::check::Check;

const REMEDY: &str = "AWS_PROFILE names a profile, `aws sso login` renews one; AWS_ACCESS_KEY_ID and \
                      AWS_SECRET_ACCESS_KEY do without";

/// What was found; an error where no call can be made by it.
pub(super) async fn check(config: &SdkConfig) -> Result<Vec<Check>, Vec<Check>> {
    let mut checks = vec![credentials(config).await];
    checks.push(match config.region() {
        Some(region) => Check::ok("region", region.as_ref()),
        None => Check::wrong("region", "none is set", "set AWS_REGION, or `region` in the profile"),
    });
    let is_well = checks.iter().all(|check| check.remedy.is_none());
    if is_well { Ok(checks) } else { Err(checks) }
}

async fn credentials(config: &SdkConfig) -> Check {
    let on = "credentials";
    let Some(provider) = config.credentials_provider() else { return Check::wrong(on, "there are none", REMEDY) };
    match provider.provide_credentials().await {
        Ok(credentials) => Check::ok(on, kind(&credentials)),
        // The SDK lists all places where it looked, a line each.
        Err(error) => Check::wrong(on, log_chain(&error).split_whitespace().collect::<Vec<_>>().join(" "), REMEDY),
    }
}

/// Which key, and where from; never the secret.
fn kind(credentials: &Credentials) -> String {
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
        "a process that the profile names"
    } else if has(&[From::CredentialsProfile]) {
        "a profile"
    } else if has(&[From::CredentialsImds]) {
        "this machine's instance profile"
    } else if has(&[From::CredentialsHttp]) {
        "this container's role"
    } else {
        "the SDK's own search"
    };
    let lasting = if credentials.session_token().is_some() { "for a session" } else { "that do not expire" };
    format!("key {} from {from}, {lasting}", credentials.access_key_id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_told_with_its_origin_and_without_its_secret() {
        let mut credentials = Credentials::from_keys("AKIDTEST", "hidden", Some("token".to_owned()));
        assert_eq!(kind(&credentials), "key AKIDTEST from the SDK's own search, for a session");
        credentials.set_property(vec![AwsCredentialFeature::CredentialsProfile, AwsCredentialFeature::CredentialsSso]);
        assert_eq!(kind(&credentials), "key AKIDTEST from single sign-on, for a session");
    }
}
