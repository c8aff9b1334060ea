//! A person's name as one text: first, middle and last name and suffix, in the order in which Salesforce joins them. The
//! salutation is not part of a name.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;

use super::paths::is_name_component;

/// The text of a struct that is a person's name; `None` for any other struct.
pub(super) fn text(leaves: &BTreeMap<&str, Cow<'_, Value>>) -> Option<String> {
    if leaves.is_empty() || !leaves.keys().all(|name| is_name_component(name)) {
        return None;
    }
    let part = |name: &str| leaves.get(name).and_then(|value| value.as_str()).filter(|text| !text.is_empty());
    let parts: Vec<&str> = ["FirstName", "MiddleName", "LastName", "Suffix"].into_iter().filter_map(part).collect();
    Some(parts.join(" "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(leaves: &[(&'static str, Value)], expected: Option<&str>) {
        let leaves = leaves.iter().map(|(name, value)| (*name, Cow::Borrowed(value))).collect();
        assert_eq!(text(&leaves).as_deref(), expected);
    }

    #[test]
    fn a_name_is_its_parts_without_the_salutation() {
        check(
            &[("Salutation", json!("Ms.")), ("FirstName", json!("Martha")), ("LastName", json!("Brown"))],
            Some("Martha Brown"),
        );
        check(
            &[
                ("LastName", json!("King")),
                ("Suffix", json!("Jr.")),
                ("MiddleName", json!("L.")),
                ("FirstName", json!("Martin")),
            ],
            Some("Martin L. King Jr."),
        );
        check(&[("FirstName", json!(null)), ("LastName", json!("Brown")), ("MiddleName", json!(""))], Some("Brown"));
    }

    #[test]
    fn any_other_struct_has_no_text() {
        check(&[("City", json!("x"))], None);
        check(&[("LastName", json!("x")), ("City", json!("y"))], None);
        check(&[], None);
    }
}
