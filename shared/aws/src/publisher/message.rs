//! The message of an event: the event as JSON, or a reference if that is too large for a call.
//!
//! A reference has everything the event has except the entity's fields, and says where to read those.

use annals_application::ports::{NormalizedEntityEvent, PortError, PortErrorKind};
use serde_json::{Value, json};

/// The event as an entry of at most `max_bytes`: complete, or as a reference, or as a reference without validation
/// issues. `to_entry` builds the entry of a message, `size` is its size as the service counts it.
pub(crate) fn entry_within<E>(
    max_bytes: usize,
    resource: &str,
    event: &NormalizedEntityEvent,
    to_entry: impl Fn(String) -> E,
    size: impl Fn(&E) -> usize,
) -> Result<E, PortError> {
    let unwritable = |error| refused(resource, "the event cannot be written as JSON").caused_by(error);
    let message = escape_noncharacters(serde_json::to_string(event).map_err(unwritable)?);
    let length = message.len();
    let complete = to_entry(message);
    if size(&complete) <= max_bytes {
        return Ok(complete);
    }
    tracing::info!(aggregate_id = %event.entity.aggregate_id, version = event.version.get(), size = length,
        "event too large; publishing a reference");
    for with_issues in [true, false] {
        let reference = reference(event, length, with_issues).map_err(unwritable)?;
        let entry = to_entry(reference);
        if size(&entry) <= max_bytes {
            return Ok(entry);
        }
    }
    Err(refused(resource, &format!("event too large: even a reference takes more than {max_bytes} bytes")))
}

fn reference(event: &NormalizedEntityEvent, length: usize, with_issues: bool) -> Result<String, serde_json::Error> {
    let mut reference = serde_json::to_value(event)?;
    reference["data"] = Value::Null;
    reference["changes"] = Value::Null;
    if !with_issues {
        reference["validation_info"] = Value::Null;
    }
    reference["reference"] = json!({
        "aggregate_id": event.entity.aggregate_id,
        "version": event.version,
        "reason": "too large",
        "size": length,
    });
    Ok(escape_noncharacters(reference.to_string()))
}

/// Escapes U+FFFE and U+FFFF: JSON allows them as they are, but SQS, which most consumers read from, refuses them.
fn escape_noncharacters(json: String) -> String {
    if json.contains(['\u{fffe}', '\u{ffff}']) {
        json.replace('\u{fffe}', "\\ufffe").replace('\u{ffff}', "\\uffff")
    } else {
        json
    }
}

fn refused(resource: &str, message: &str) -> PortError {
    PortError::new(PortErrorKind::Rejected, resource, message)
}

#[cfg(test)]
mod tests {
    use annals_application::contract::event_publisher::{published_event, set_text};
    use annals_domain::validation_issue::ValidationIssue;

    use super::*;

    fn within(event: &NormalizedEntityEvent, max_bytes: usize) -> Result<String, PortError> {
        entry_within(max_bytes, "bus `b`", event, |message| message, String::len)
    }

    fn large() -> NormalizedEntityEvent {
        let mut event = published_event(1);
        set_text(&mut event, "notes", &"x".repeat(5_000));
        event
    }

    #[test]
    fn an_event_of_the_largest_size_is_sent_completely() {
        let complete = serde_json::to_string(&large()).unwrap();
        assert_eq!(within(&large(), complete.len()).unwrap(), complete);
        assert_ne!(within(&large(), complete.len() - 1).unwrap(), complete);
    }

    #[test]
    fn a_reference_has_everything_except_the_fields() {
        let reference: Value = serde_json::from_str(&within(&large(), 2_000).unwrap()).unwrap();
        insta::assert_snapshot!(serde_json::to_string_pretty(&reference).unwrap(), @r#"
        {
          "event_id": "7802557a-e8e3-519c-b43f-4cf3e97f0a33",
          "aggregate_type": "client",
          "aggregate_id": "1eb3e0c0-978a-59ad-be95-579868c4576d",
          "external_id": "001",
          "provider": "salesforce",
          "event_type": "Updated",
          "timestamp": "2024-04-09T20:19:25.123Z",
          "data": null,
          "changes": null,
          "from_version": 1,
          "version": 2,
          "validation_info": [
            {
              "field": "status",
              "message": "is odd"
            }
          ],
          "correlation_id": "corr",
          "reference": {
            "aggregate_id": "1eb3e0c0-978a-59ad-be95-579868c4576d",
            "version": 2,
            "reason": "too large",
            "size": 5472
          }
        }
        "#);
    }

    #[test]
    fn validation_issues_that_are_too_large_are_left_out() {
        let mut event = published_event(1);
        event.validation_info = vec![ValidationIssue::new("status", "is odd"); 500];
        let reference: Value = serde_json::from_str(&within(&event, 2_000).unwrap()).unwrap();
        assert_eq!(reference["validation_info"], Value::Null);
        assert_eq!(reference["reference"]["reason"], "too large");
    }

    #[test]
    fn an_event_whose_reference_is_too_large_is_refused() {
        let error = within(&large(), 100).unwrap_err();
        assert_eq!(error.kind, PortErrorKind::Rejected);
        assert_eq!(error.to_string(), "bus `b`: event too large: even a reference takes more than 100 bytes");
    }

    #[test]
    fn characters_that_sqs_refuses_are_escaped() {
        let mut event = published_event(1);
        set_text(&mut event, "name", "a\u{0}\u{fffe}\u{ffff}\u{1f980}");
        let message = within(&event, 100_000).unwrap();
        assert!(message.contains("a\\u0000\\ufffe\\uffff\u{1f980}"), "{message}");
        assert_eq!(serde_json::from_str::<Value>(&message).unwrap(), serde_json::to_value(&event).unwrap());
    }
}
