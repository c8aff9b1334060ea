//! Words and the text they are looked for in, in the form OpenSearch keeps them.
//!
//! Promises that a wildcard query finds exactly the texts a word stands in. OpenSearch's wildcard
//! type loses escaped backslashes and counts clauses, so `*`, `?` and `\` are stored as letters that
//! no folded text has, and what a query cannot carry is left for the reader of its hits.

use std::borrow::Cow;

/// The most characters of a word that one pattern carries: a longer pattern may take more effort to
/// prepare than OpenSearch allows, where it repeats itself.
const PATTERN: usize = 100;
/// How many clauses a query's words may have: 1,024 are allowed in all, filters among them.
const CLAUSES: usize = 900;

/// The text as it is stored and searched. Folded text is lower case, so that no capital can be meant.
pub(crate) fn stored(folded: &str) -> Cow<'_, str> {
    if !folded.contains(['*', '?', '\\']) {
        return Cow::Borrowed(folded);
    }
    let sign = |c| match c {
        '*' => 'A',
        '?' => 'B',
        '\\' => 'C',
        other => other,
    };
    Cow::Owned(folded.chars().map(sign).collect())
}

/// How the words of a query are looked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Search {
    /// Each must stand in the text: what OpenSearch is asked.
    pub(crate) patterns: Vec<String>,
    /// Of these the patterns ask for a part only, or nothing: whoever reads the hits must look.
    pub(crate) unasked: Vec<String>,
}

impl Search {
    /// For these folded words.
    pub(crate) fn of(words: &[String]) -> Self {
        let mut search = Self::default();
        let mut clauses = 0;
        let mut seen = std::collections::HashSet::new();
        for word in words.iter().filter(|word| !word.is_empty() && seen.insert(word.as_str())) {
            let word = stored(word);
            let parts = parts(&word);
            let mut asked = 0;
            for part in &parts {
                let more = clauses_of(part);
                if clauses + more <= CLAUSES {
                    clauses += more;
                    asked += 1;
                    search.patterns.push((*part).to_owned());
                }
            }
            if parts.len() > 1 || asked == 0 {
                search.unasked.push(word.into_owned());
            }
        }
        search
    }

    /// Whether a stored text has the words that were not asked for.
    pub(crate) fn holds_in(&self, text: &str) -> bool {
        self.unasked.iter().all(|word| text.contains(word.as_str()))
    }
}

/// A pattern is as many clauses as it has runs of three characters, and one itself.
fn clauses_of(part: &str) -> usize {
    part.chars().count() + 1
}

/// A word in parts of at most as many characters as one pattern carries.
fn parts(word: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = word;
    while let Some((end, _)) = rest.char_indices().nth(PATTERN) {
        let (part, behind) = rest.split_at(end);
        parts.push(part);
        rest = behind;
    }
    if !rest.is_empty() {
        parts.push(rest);
    }
    parts
}

#[cfg(test)]
mod tests {
    use annals_domain::search_text::fold;

    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn no_folded_character_is_one_of_the_letters_that_stand_for_signs() {
        for c in (char::MIN..=char::MAX).map(|c| fold(&c.to_string())) {
            assert!(!c.contains(|c: char| c.is_ascii_uppercase()), "{c}");
        }
    }

    #[test]
    fn signs_of_patterns_are_stored_as_letters() {
        assert_eq!(stored("a*b?c\\d"), "aAbBcCd");
        assert!(matches!(stored("plain"), Cow::Borrowed("plain")));
    }

    #[test]
    fn a_short_word_is_asked_for_whole_and_once() {
        let search = Search::of(&words(&["acme", "*", "acme"]));
        assert_eq!(search, Search { patterns: words(&["acme", "A"]), unasked: Vec::new() });
    }

    #[test]
    fn a_long_word_is_asked_for_in_parts_and_looked_for_whole() {
        let word = "é".repeat(250);
        let search = Search::of(std::slice::from_ref(&word));
        assert_eq!(search.patterns, [&word[..200], &word[..200], &word[..100]]);
        assert!(search.holds_in(&format!("x{word}y")));
        assert!(!search.holds_in(&word[2..]));
    }

    #[test]
    fn words_beyond_what_a_query_carries_are_looked_for_in_its_hits() {
        let many: Vec<String> = (0..700).map(|number| format!("word{number:03}x")).collect();
        let search = Search::of(&many);
        assert_eq!(search.patterns.len(), 100);
        assert_eq!(search.unasked, many[100..]);
        let clauses: usize = search.patterns.iter().map(|part| clauses_of(part)).sum();
        assert!(clauses <= CLAUSES);
    }
}
