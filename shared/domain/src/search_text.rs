//! Folding of texts for search and sorting: NFKD, marks removed, lower case.
//!
//! Documents and queries are folded the same way, so no store needs an analyser. Folding follows Unicode's tables: ß is
//! not ss.

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::definition::EntitySchema;
use crate::entity::{Entity, FieldValue};

pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    // Lower case may add marks (İ becomes i and a dot), so marks are removed after it.
    text.nfkd().flat_map(char::to_lowercase).nfkd().filter(|c| !is_combining_mark(*c)).collect()
}

/// The folded words of a query, each once. A word that folds to nothing is left out.
pub fn query_words(query: &str) -> Vec<String> {
    let mut known = BTreeSet::new();
    let words = query.split_whitespace().map(fold).filter(|word| !word.is_empty());
    words.filter(|word| known.insert(word.clone())).collect()
}

/// The text that searches look at: the folded texts of the searchable fields, one per line.
pub fn search_text(entity: &Entity, schema: &EntitySchema) -> String {
    let Some(definition) = schema.definition() else { return String::new() };
    let searchable = definition.fields.iter().filter(|field| field.searchable);
    let texts = searchable.filter_map(|field| match entity.field(&field.name) {
        Some(FieldValue::Text(text)) => Some(fold(text)),
        _ => None,
    });
    texts.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_removes_case_marks_and_compatibility_forms() {
        for (text, folded) in [("Crème BRÛLÉE", "creme brulee"), ("ﬁn", "fin"), ("Straße", "straße"), ("İ", "i")]
        {
            assert_eq!(fold(text), folded);
        }
    }

    #[test]
    fn words_are_split_at_white_space_and_empty_ones_are_left_out() {
        assert_eq!(query_words("  Acme \u{301}\t\u{2003}Ltd* "), ["acme", "ltd*"]);
    }

    #[test]
    fn a_repeated_word_is_searched_once() {
        assert_eq!(query_words("Acme ltd ACME acmé Ltd"), ["acme", "ltd"]);
    }
}
