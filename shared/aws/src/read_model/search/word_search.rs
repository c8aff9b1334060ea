//! The words of a query as wildcard patterns.
//!
//! A query finds exactly the texts that contain all its words. OpenSearch limits the clauses of a query. Words
//! beyond the limit are not in the patterns: whoever reads the hits must check them.

use crate::read_model::index::searchable_text;

/// The most characters of one pattern: OpenSearch may refuse the effort of a longer one with repetitions.
pub(super) const PATTERN_LENGTH: usize = 100;
/// The most clauses for words. OpenSearch allows 1,024 in a query, filters included.
const WORD_CLAUSES: usize = 900;

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct WordSearch {
    /// Each must occur in the text: OpenSearch checks these.
    patterns: Vec<String>,
    /// The words that the patterns contain in parts only, or not at all.
    unchecked: Vec<String>,
}

impl WordSearch {
    /// The patterns for these folded words.
    pub(super) fn of(words: &[String]) -> Self {
        let mut search = Self::default();
        let mut clauses = 0;
        let mut seen = std::collections::HashSet::new();
        for word in words.iter().filter(|word| !word.is_empty() && seen.insert(word.as_str())) {
            let word = searchable_text(word);
            let parts = parts(&word);
            let mut accepted = 0;
            for part in &parts {
                let more = clauses_of(part);
                if clauses + more <= WORD_CLAUSES {
                    clauses += more;
                    accepted += 1;
                    search.patterns.push((*part).to_owned());
                }
            }
            if parts.len() > 1 || accepted == 0 {
                search.unchecked.push(word.into_owned());
            }
        }
        search
    }

    pub(super) fn patterns(&self) -> &[String] {
        &self.patterns
    }

    /// Whether the hits must be filtered by [`WordSearch::matches`].
    pub(super) fn has_unchecked_words(&self) -> bool {
        !self.unchecked.is_empty()
    }

    /// Whether a stored text contains the words that the patterns do not check.
    pub(super) fn matches(&self, text: &str) -> bool {
        self.unchecked.iter().all(|word| text.contains(word.as_str()))
    }
}

/// OpenSearch counts a clause for each run of three characters, and one for the pattern.
fn clauses_of(part: &str) -> usize {
    part.chars().count() + 1
}

/// A word in parts that one pattern can hold.
fn parts(word: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = word;
    while let Some((end, _)) = rest.char_indices().nth(PATTERN_LENGTH) {
        let (part, after) = rest.split_at(end);
        parts.push(part);
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(rest);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn a_short_word_is_one_pattern_even_if_repeated() {
        let search = WordSearch::of(&words(&["acme", "*", "acme"]));
        assert_eq!(search, WordSearch { patterns: words(&["acme", "A"]), unchecked: Vec::new() });
    }

    #[test]
    fn a_long_word_is_searched_in_parts_and_checked_in_the_hits() {
        let word = "é".repeat(250);
        let search = WordSearch::of(std::slice::from_ref(&word));
        assert_eq!(search.patterns, [&word[..200], &word[..200], &word[..100]]);
        assert!(search.matches(&format!("x{word}y")));
        assert!(!search.matches(&word[2..]));
    }

    #[test]
    fn words_beyond_the_clause_limit_are_checked_in_the_hits() {
        let many: Vec<String> = (0..700).map(|number| format!("word{number:03}x")).collect();
        let search = WordSearch::of(&many);
        assert_eq!(search.patterns.len(), 100);
        assert_eq!(search.unchecked, many[100..]);
        let clauses: usize = search.patterns.iter().map(|part| clauses_of(part)).sum();
        assert!(clauses <= WORD_CLAUSES);
    }
}
