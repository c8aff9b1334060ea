//! The publisher's settings, read from the environment. Every invalid value is reported there with what is expected;
//! whether the bus or the topic exists is not checked.

use std::sync::Arc;

use annals_application::ports::EventPublisher;
use aws_types::SdkConfig;

use super::bus::DEFAULT_MAX_BYTES;
use super::event_bridge::{EventBridgePublisher, EventBridgeSettings};
use super::sns::{SnsPublisher, SnsSettings};
use crate::client::Environment;

/// With a lower limit even references would be too large.
const SMALLEST_MAX_BYTES: usize = 4_096;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublishSettings {
    EventBridge(EventBridgeSettings),
    Sns(SnsSettings),
    Nowhere,
}

impl Default for PublishSettings {
    fn default() -> Self {
        Self::EventBridge(EventBridgeSettings::default())
    }
}

impl PublishSettings {
    /// Reads `ANNALS_PUBLISHER` (`eventbridge`, which is the default, `sns` or `none`), for EventBridge
    /// `ANNALS_EVENT_BUS`, `ANNALS_EVENT_SOURCE` and `ANNALS_EVENT_DETAIL_TYPE_SUFFIX`, for SNS
    /// `ANNALS_TOPIC_ARN`, and for both `ANNALS_EVENT_MAX_BYTES`.
    pub fn from_environment(environment: &mut Environment) -> Self {
        match environment.optional("ANNALS_PUBLISHER").as_deref() {
            None | Some("eventbridge") => Self::EventBridge(event_bridge(environment)),
            Some("sns") => Self::Sns(sns(environment)),
            Some("none") => Self::Nowhere,
            Some(other) => {
                environment.problem(format!(
                    "invalid value `{other}` of ANNALS_PUBLISHER: expected `eventbridge`, `sns` or `none`"
                ));
                Self::Nowhere
            }
        }
    }
}

fn event_bridge(environment: &mut Environment) -> EventBridgeSettings {
    let default = EventBridgeSettings::default();
    let source = environment.optional("ANNALS_EVENT_SOURCE").unwrap_or(default.source);
    if source.starts_with("aws.") {
        environment.problem(format!(
            "invalid value `{source}` of ANNALS_EVENT_SOURCE: expected a name that does not start with `aws.`, which is \
             reserved"
        ));
    }
    EventBridgeSettings {
        bus: environment.optional("ANNALS_EVENT_BUS").unwrap_or(default.bus),
        source,
        detail_type_suffix: environment
            .optional("ANNALS_EVENT_DETAIL_TYPE_SUFFIX")
            .unwrap_or(default.detail_type_suffix),
        max_bytes: max_bytes(environment),
    }
}

fn sns(environment: &mut Environment) -> SnsSettings {
    let topic_arn = environment.required("ANNALS_TOPIC_ARN");
    if !topic_arn.is_empty() && !is_topic_arn(&topic_arn) {
        environment.problem(format!(
            "invalid value `{topic_arn}` of ANNALS_TOPIC_ARN: expected an ARN such as \
             `arn:aws:sns:eu-central-1:123456789012:changes`"
        ));
    }
    SnsSettings { topic_arn, max_bytes: max_bytes(environment) }
}

fn is_topic_arn(text: &str) -> bool {
    let parts: Vec<_> = text.split(':').collect();
    matches!(parts[..], ["arn", _, "sns", region, account, name] if ![region, account, name].contains(&""))
}

fn max_bytes(environment: &mut Environment) -> usize {
    let bytes = environment.parsed("ANNALS_EVENT_MAX_BYTES", DEFAULT_MAX_BYTES);
    if bytes < SMALLEST_MAX_BYTES {
        environment.problem(format!(
            "invalid value `{bytes}` of ANNALS_EVENT_MAX_BYTES: expected {SMALLEST_MAX_BYTES} or more"
        ));
    }
    bytes
}

/// The publisher of those settings, or `None` if no event is published.
pub fn publisher(config: &SdkConfig, settings: PublishSettings) -> Option<Arc<dyn EventPublisher>> {
    match settings {
        PublishSettings::EventBridge(settings) => Some(Arc::new(EventBridgePublisher::new(config, settings))),
        PublishSettings::Sns(settings) => Some(Arc::new(SnsPublisher::new(config, settings))),
        PublishSettings::Nowhere => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOPIC: &str = "arn:aws:sns:eu-central-1:123456789012:changes.fifo";

    fn read(values: &[(&str, &str)]) -> (PublishSettings, Vec<String>) {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let mut environment = Environment::new(values);
        let settings = PublishSettings::from_environment(&mut environment);
        (settings, environment.check().err().map(|error| error.0).unwrap_or_default())
    }

    #[track_caller]
    fn check(values: &[(&str, &str)], expected: &PublishSettings) {
        assert_eq!(read(values), (expected.clone(), Vec::new()));
    }

    #[test]
    fn settings_are_read_with_their_defaults() {
        let defaults = EventBridgeSettings {
            bus: "default".to_owned(),
            source: "event-sourcing-system".to_owned(),
            detail_type_suffix: "Changed".to_owned(),
            max_bytes: 262_144,
        };
        check(&[], &PublishSettings::EventBridge(defaults.clone()));
        check(&[("ANNALS_PUBLISHER", "eventbridge")], &PublishSettings::EventBridge(defaults));
        let own = EventBridgeSettings {
            bus: "crm".to_owned(),
            source: "annals".to_owned(),
            detail_type_suffix: "Updated".to_owned(),
            max_bytes: 1_048_576,
        };
        let values = [
            ("ANNALS_EVENT_BUS", "crm"),
            ("ANNALS_EVENT_SOURCE", "annals"),
            ("ANNALS_EVENT_DETAIL_TYPE_SUFFIX", "Updated"),
            ("ANNALS_EVENT_MAX_BYTES", "1048576"),
        ];
        check(&values, &PublishSettings::EventBridge(own));
        let topic = SnsSettings { topic_arn: TOPIC.to_owned(), max_bytes: 262_144 };
        check(&[("ANNALS_PUBLISHER", "sns"), ("ANNALS_TOPIC_ARN", TOPIC)], &PublishSettings::Sns(topic));
        check(&[("ANNALS_PUBLISHER", "none")], &PublishSettings::Nowhere);
    }

    #[track_caller]
    fn check_problem(values: &[(&str, &str)], expected: &str) {
        assert_eq!(read(values).1, [expected]);
    }

    #[test]
    fn an_invalid_value_is_reported_with_what_is_expected() {
        check_problem(
            &[("ANNALS_PUBLISHER", "kafka")],
            "invalid value `kafka` of ANNALS_PUBLISHER: expected `eventbridge`, `sns` or `none`",
        );
        check_problem(&[("ANNALS_PUBLISHER", "sns")], "ANNALS_TOPIC_ARN is not set");
        check_problem(
            &[("ANNALS_PUBLISHER", "sns"), ("ANNALS_TOPIC_ARN", "changes")],
            "invalid value `changes` of ANNALS_TOPIC_ARN: expected an ARN such as \
             `arn:aws:sns:eu-central-1:123456789012:changes`",
        );
        check_problem(
            &[("ANNALS_EVENT_SOURCE", "aws.annals")],
            "invalid value `aws.annals` of ANNALS_EVENT_SOURCE: expected a name that does not start with `aws.`, which is \
             reserved",
        );
        check_problem(
            &[("ANNALS_EVENT_MAX_BYTES", "10")],
            "invalid value `10` of ANNALS_EVENT_MAX_BYTES: expected 4096 or more",
        );
        check_problem(
            &[("ANNALS_EVENT_MAX_BYTES", "much")],
            "invalid value `much` of ANNALS_EVENT_MAX_BYTES: invalid digit found in string",
        );
    }
}
