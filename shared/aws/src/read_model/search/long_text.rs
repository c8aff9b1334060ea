//! Texts that a filter looks for and that are longer than a pattern may be.
//!
//! OpenSearch finds what contains their beginning: whoever reads the hits must check the rest.

use std::borrow::Cow;
use std::collections::BTreeMap;

use annals_application::ports::folded_text;
use serde_json::value::RawValue;

/// A folded text that a field must contain.
#[derive(Debug)]
pub(super) struct LongText {
    field: String,
    text: String,
}

impl LongText {
    pub(super) fn new(field: &str, text: &str) -> Self {
        Self { field: field.to_owned(), text: text.to_owned() }
    }

    /// Whether the field of an entity contains it.
    pub(super) fn is_in(&self, entity: &RawValue) -> serde_json::Result<bool> {
        let fields: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_str(entity.get())?;
        let Some(value) = fields.get(&*self.field) else { return Ok(false) };
        let value: Option<String> = serde_json::from_str(value.get())?;
        Ok(value.is_some_and(|value| folded_text(&value).contains(&self.text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_text_must_be_in_the_field() {
        let entity: &RawValue = serde_json::from_str(r#"{"name":"Crème \"Brûlée\"","other":null,"n":1}"#).unwrap();
        for (field, text, expected) in [
            ("name", "creme \"bru", true),
            ("name", "creme bru", false),
            ("other", "creme", false),
            ("none", "creme", false),
        ] {
            assert_eq!(LongText::new(field, text).is_in(entity).unwrap(), expected, "{field}: {text}");
        }
        assert!(LongText::new("n", "1").is_in(entity).is_err(), "texts alone are searched so");
    }
}
