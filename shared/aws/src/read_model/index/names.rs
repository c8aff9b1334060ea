//! Names: one alias for each schema, and numbered indices behind it.
//!
//! `client_index` is the alias that readers use, `client_index-000002` an index, and `client_index-000002-only`
//! the write alias of that one index. No two schemas share a name.

use annals_domain::definition::EntitySchema;

pub(super) fn alias(prefix: &str, schema: &EntitySchema) -> String {
    match schema {
        EntitySchema::Defined(definition) => format!("{prefix}{}_index", definition.aggregate_type),
        // The type of a definition has no hyphen, so that no object gets its alias.
        EntitySchema::Open(object) => format!("{prefix}open-{}_index", escaped(object.aggregate_type.as_str())),
    }
}

/// The name of an object in the characters that OpenSearch allows in the name of an index.
fn escaped(object: &str) -> String {
    let mut name = String::with_capacity(object.len());
    for c in object.chars() {
        match c {
            'a'..='z' | '0'..='9' | '_' | '-' => name.push(c),
            _ => name.push_str(&format!(".{:x}.", u32::from(c))),
        }
    }
    name
}

pub(super) fn numbered(alias: &str, number: u32) -> String {
    format!("{alias}-{number:06}")
}

/// The number of an index; `None` where it is no index of that alias.
pub(super) fn number_of(alias: &str, index: &str) -> Option<u32> {
    let digits = index.strip_prefix(alias)?.strip_prefix('-')?;
    let is_number = digits.len() >= 6 && digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|_| is_number)
}

pub(super) fn alias_of(index: &str) -> Option<&str> {
    let (alias, _) = index.rsplit_once('-')?;
    number_of(alias, index).map(|_| alias)
}

/// The write alias of one index. Writes require an alias: a late write to a deleted index would otherwise create
/// it again, without its mapping.
pub(crate) fn write_alias(index: &str) -> String {
    format!("{index}-only")
}

#[cfg(test)]
mod tests {
    use annals_domain::definition::Catalog;
    use annals_domain::identity::EntityName;

    use super::*;

    #[track_caller]
    fn check(object: &str, expected: &str) {
        assert_eq!(alias("t-", &Catalog::default().open(&EntityName::new(object))), expected);
    }

    #[test]
    fn the_alias_of_an_object_without_a_definition_has_only_allowed_characters() {
        check("Invoice__c", "t-open-invoice__c_index");
        check("2-1234", "t-open-2-1234_index");
        check("a*b/é", "t-open-a.2a.b.2f..e9._index");
    }

    #[test]
    fn the_name_of_an_index_contains_its_number_and_alias() {
        let index = numbered("client_index", 2);
        assert_eq!(index, "client_index-000002");
        assert_eq!(number_of("client_index", &index), Some(2));
        assert_eq!(alias_of(&index), Some("client_index"));
        for other in ["client_index", "client_index-2", "client_index-000002-only", "client_index-00000x"] {
            assert_eq!(number_of("client_index", other), None, "{other}");
        }
    }
}
