//! Names: an alias a schema, and numbered indices behind it.
//!
//! Promises that no two schemas share a name, and that a name says what it is: `client_index` is the
//! alias readers use, `client_index-000002` an index, `client_index-000002-only` that index alone.

use annals_domain::definition::EntitySchema;

/// The alias of a schema's index.
pub(crate) fn alias(prefix: &str, schema: &EntitySchema) -> String {
    match schema {
        EntitySchema::Defined(definition) => format!("{prefix}{}_index", definition.aggregate_type),
        // A definition's name has no hyphen, so that no object can take its alias.
        EntitySchema::Open(object) => format!("{prefix}open-{}_index", escaped(object.as_str())),
    }
}

/// An object's name in what an index's name may hold: lower case, and few signs.
fn escaped(object: &str) -> String {
    let mut name = String::with_capacity(object.len());
    for c in object.to_lowercase().chars() {
        match c {
            'a'..='z' | '0'..='9' | '_' | '-' => name.push(c),
            _ => name.push_str(&format!(".{:x}.", u32::from(c))),
        }
    }
    name
}

/// The index of that number behind an alias.
pub(crate) fn numbered(alias: &str, number: u32) -> String {
    format!("{alias}-{number:06}")
}

/// The number of an index, if it is one of that alias.
pub(crate) fn number_of(alias: &str, index: &str) -> Option<u32> {
    let digits = index.strip_prefix(alias)?.strip_prefix('-')?;
    let is_number = digits.len() >= 6 && digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|_| is_number)
}

/// The alias that an index was numbered for.
pub(crate) fn alias_of(index: &str) -> Option<&str> {
    let (alias, _) = index.rsplit_once('-')?;
    number_of(alias, index).map(|_| alias)
}

/// The alias of one index alone. Writes to it ask for an alias, so that an index which is gone is
/// never made anew by a late write, without its mapping.
pub(crate) fn only(index: &str) -> String {
    format!("{index}-only")
}

#[cfg(test)]
mod tests {
    use annals_domain::identity::EntityName;

    use super::*;

    #[track_caller]
    fn check(object: &str, expected: &str) {
        assert_eq!(alias("t-", &EntitySchema::Open(EntityName::new(object))), expected);
    }

    #[test]
    fn an_object_without_a_definition_has_an_alias_of_plain_signs() {
        check("Invoice__c", "t-open-invoice__c_index");
        check("2-1234", "t-open-2-1234_index");
        check("a*b/é", "t-open-a.2a.b.2f..e9._index");
    }

    #[test]
    fn an_index_knows_its_number_and_alias() {
        let index = numbered("client_index", 2);
        assert_eq!(index, "client_index-000002");
        assert_eq!(number_of("client_index", &index), Some(2));
        assert_eq!(alias_of(&index), Some("client_index"));
        for other in ["client_index", "client_index-2", "client_index-000002-only", "client_index-00000x"] {
            assert_eq!(number_of("client_index", other), None, "{other}");
        }
    }
}
