//! The words of a query in the index of trigrams.
//!
//! The index only narrows down what is searched: each text that it finds is searched for the words themselves. So a
//! few short phrases are enough, and their cost has a bound, whatever the words are.

/// The shortest word that the index can find, in characters.
const TRIGRAM: usize = 3;
/// The number of words that are looked up: the longest ones, which are the rarest.
const PHRASES: usize = 3;
/// The number of characters of a word that are looked up: each one more is another list of texts to read.
const PHRASE: usize = 10;

/// The FTS5 query that finds at least the texts with all words; `None` if the index cannot find any of the words.
pub(super) fn trigram_query(words: &[String]) -> Option<String> {
    let mut phrases: Vec<(usize, String)> = words.iter().filter_map(|word| phrase(word)).collect();
    phrases.sort_by(|a, b| b.cmp(a));
    phrases.dedup();
    let phrases: Vec<String> = phrases.into_iter().take(PHRASES).map(|(_, phrase)| phrase).collect();
    (!phrases.is_empty()).then(|| phrases.join(" AND "))
}

/// A quoted phrase of a word, and how many characters it has.
fn phrase(word: &str) -> Option<(usize, String)> {
    // FTS5 reads its query as a C string, which ends at the first NUL.
    let start: String = word.chars().take_while(|character| *character != '\0').take(PHRASE).collect();
    let length = start.chars().count();
    // In a quoted phrase only the quote itself is syntax.
    (length >= TRIGRAM).then(|| (length, format!("\"{}\"", start.replace('"', "\"\""))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(words: &[&str], expected: Option<&str>) {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        assert_eq!(trigram_query(&words).as_deref(), expected, "{words:?}");
    }

    #[test]
    fn a_few_short_phrases_are_looked_up_whatever_the_words() {
        check(&["acme"], Some("\"acme\""));
        check(&["ab", "abc", "acme", "brasserie-du-port", "ltd"], Some("\"brasserie-\" AND \"acme\" AND \"ltd\""));
        check(&[&"a".repeat(2_600)], Some("\"aaaaaaaaaa\""));
        check(&["brasserie-a", "brasserie-b"], Some("\"brasserie-\""));
    }

    #[test]
    fn words_that_the_index_cannot_find_are_not_looked_up() {
        check(&[], None);
        check(&["ab", "é"], None);
        check(&["ab\0cdef"], None);
        check(&["abc\0def"], Some("\"abc\""));
    }

    #[test]
    fn nothing_in_a_word_is_syntax() {
        check(&["a\"b*"], Some("\"a\"\"b*\""));
        check(&["not", "or"], Some("\"not\""));
    }
}
