//! Folding of texts for search and sorting: NFKD, marks dropped, lower case.
//!
//! Promises one folding for documents and queries, so that no store needs an analyser. It folds
//! by Unicode's own tables: ß is not ss.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::definition::EntitySchema;
use crate::entity::{Entity, FieldValue};

/// The folded form of a text.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    // Lower-casing may bring new marks (İ gives i and a dot), so marks are dropped behind it.
    text.nfkd().flat_map(char::to_lowercase).nfkd().filter(|c| !is_combining_mark(*c)).collect()
}

/// A query's words, folded; a word that folds to nothing is passed over.
pub fn query_words(query: &str) -> Vec<String> {
    query.split_whitespace().map(fold).filter(|word| !word.is_empty()).collect()
}

/// The text that searches look into: the searchable fields', folded, one a line.
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
    fn case_marks_and_compatibility_forms_fold_away() {
        for (text, folded) in [("Crème BRÛLÉE", "creme brulee"), ("ﬁn", "fin"), ("Straße", "straße"), ("İ", "i")]
        {
            assert_eq!(fold(text), folded);
        }
    }

    #[test]
    fn words_are_cut_at_white_space_and_empty_ones_passed_over() {
        assert_eq!(query_words("  Acme \u{301}\t\u{2003}Ltd* "), ["acme", "ltd*"]);
    }
}
