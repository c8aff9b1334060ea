//! Where OpenSearch is: a URL, or an Amazon OpenSearch Service domain by its name.

use std::str::FromStr;

use annals_application::ports::{PortError, PortErrorKind};
use aws_types::SdkConfig;
use url::Url;

use crate::client::port_error;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    Url(Url),
    /// The name of a domain in this account and region.
    Domain(String),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid OpenSearch endpoint `{0}`: expected an http(s) URL or the name of a domain")]
pub struct InvalidEndpoint(String);

impl FromStr for Endpoint {
    type Err = InvalidEndpoint;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_name_byte = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if !text.is_empty() && text.bytes().all(is_name_byte) {
            return Ok(Self::Domain(text.to_owned()));
        }
        let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        url.map(Self::Url).ok_or_else(|| InvalidEndpoint(text.to_owned()))
    }
}

impl Endpoint {
    /// The URL to connect to. A domain's URL is read from the AWS API, with one call.
    pub(crate) async fn resolve(&self, config: Option<&SdkConfig>) -> Result<Url, PortError> {
        match self {
            Self::Url(url) => Ok(url.clone()),
            Self::Domain(name) => domain_url(name, config).await,
        }
    }
}

/// The URL of a domain: the one inside its network, where the domain has one.
async fn domain_url(name: &str, config: Option<&SdkConfig>) -> Result<Url, PortError> {
    let resource = format!("OpenSearch domain `{name}`");
    let config = config.ok_or_else(|| {
        let message = "AWS credentials are needed to find a domain by its name";
        PortError::new(PortErrorKind::Misconfigured, &resource, message)
    })?;
    let client = aws_sdk_opensearch::Client::new(config);
    let described = client.describe_domain().domain_name(name).send().await;
    let status = described.map_err(|error| port_error(&resource, error))?.domain_status;
    let inside = status.as_ref().and_then(|status| status.endpoints.as_ref()?.get("vpc"));
    let host = inside.or_else(|| status.as_ref()?.endpoint.as_ref());
    let Some(host) = host else {
        return Err(PortError::new(PortErrorKind::Unavailable, &resource, "the domain has no endpoint yet"));
    };
    Url::parse(&format!("https://{host}")).map_err(|error| {
        let message = "the endpoint of the domain is not a valid host name";
        PortError::new(PortErrorKind::Misconfigured, &resource, message).caused_by(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_url_or_the_name_of_a_domain() {
        let url = |text: &str| Endpoint::Url(text.parse().expect("a URL"));
        for (text, expected) in [
            ("http://127.0.0.1:9200", Some(url("http://127.0.0.1:9200"))),
            ("https://x.es.amazonaws.com", Some(url("https://x.es.amazonaws.com"))),
            ("annals-2", Some(Endpoint::Domain("annals-2".to_owned()))),
            ("", None),
            ("Annals", None),
            ("ftp://x", None),
            ("x.es.amazonaws.com", None),
        ] {
            assert_eq!(text.parse::<Endpoint>().ok(), expected, "{text}");
        }
    }
}
