//! What holds for the org as a whole: credentials, the version of the API, the day's calls.

use annals_application::ports::{CrmClient as _, CrmError, CrmErrorKind, QuotaUsage};
use annals_salesforce::SalesforceClient;
use annals_salesforce::settings::QuotaShare;

use crate::doctor::Check;

pub(super) const CREDENTIALS: &str = "salesforce credentials";
const VERSION: &str = "salesforce API version";
const QUOTA: &str = "salesforce quota";

pub(super) async fn checks(client: &SalesforceClient, share: QuotaShare) -> Vec<Check> {
    if let Err(error) = client.log_in().await {
        return vec![Check::wrong(CREDENTIALS, error.to_string(), remedy(&error))];
    }
    let mut checks = vec![Check::ok(CREDENTIALS, format!("{} grants a token", client.name()))];
    checks.push(version(client).await);
    match client.usage().await {
        Ok(usages) => checks.extend(usages.iter().map(|usage| quota(usage, share))),
        Err(error) => checks.push(Check::wrong(QUOTA, error.to_string(), remedy(&error))),
    }
    checks
}

async fn version(client: &SalesforceClient) -> Check {
    let used = client.version();
    match client.versions().await {
        Ok(versions) if versions.iter().any(|version| version == used) => Check::ok(VERSION, used),
        Ok(versions) => {
            let newest = versions.last().map_or("none", String::as_str);
            let found = format!("the org has no version {used}; its newest is {newest}");
            Check::wrong(VERSION, found, "set ANNALS_SALESFORCE_API_VERSION to one that it has")
        }
        Err(error) => Check::wrong(VERSION, error.to_string(), remedy(&error)),
    }
}

fn quota(usage: &QuotaUsage, share: QuotaShare) -> Check {
    let found = format!("{} of {} {} used in the last day", usage.used, usage.limit, usage.quota);
    if usage.reaches(share.percent()) {
        let percent = share.percent();
        let remedy =
            format!("reading waits while {percent} percent are used: ANNALS_SALESFORCE_QUOTA_SHARE is this share");
        return Check::warning(QUOTA, found, remedy);
    }
    Check::ok(QUOTA, found)
}

/// What to do about an error of the whole connection.
pub(super) fn remedy(error: &CrmError) -> &'static str {
    match error.kind {
        CrmErrorKind::Unauthorised => "check the app, its user and its policies: docs/salesforce.md, step by step",
        CrmErrorKind::QuotaExhausted { .. } | CrmErrorKind::Throttled { .. } => "wait until the org takes calls again",
        CrmErrorKind::Unavailable => "check ANNALS_SALESFORCE_URL and the network, or wait if the org is down",
        _ => "check ANNALS_SALESFORCE_URL: it is the org's own domain, such as https://example.my.salesforce.com",
    }
}

#[cfg(test)]
mod tests {
    use annals_application::ports::Quota;

    use super::*;
    use crate::doctor::Verdict;

    #[tokio::test]
    async fn a_quota_warns_once_the_share_is_used() {
        let settings = |name: &str| match name {
            "ANNALS_SALESFORCE_URL" => Some("https://example.my.salesforce.com".to_owned()),
            "ANNALS_SALESFORCE_QUOTA_SHARE" => Some("40".to_owned()),
            _ => Some("x".to_owned()).filter(|_| name.contains("CLIENT")),
        };
        let source = annals_salesforce::settings::NoSecretSource;
        let settings = annals_salesforce::settings::SalesforceSettings::read(settings, &source).await;
        let share = settings.expect("valid").expect("set").quota_share;
        let verdict =
            |used| quota(&QuotaUsage { quota: Quota::ApiCalls, used, limit: 100, resets_at: None }, share).verdict;
        assert_eq!((verdict(39), verdict(40)), (Verdict::Ok, Verdict::Warning));
    }
}
