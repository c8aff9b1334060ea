//! The rules for searches.

use super::{all_of, found_sorted, index_all};
use crate::contract::samples::{text, thing};
use crate::ports::{EntityQuery, ReadModel};
use annals_domain::search_text::{fold, query_words};

async fn check(model: &impl ReadModel, words: &[&str], expected: &[&str]) {
    let words = words.iter().map(|word| (*word).to_owned()).collect();
    let query = EntityQuery { words, ..all_of("Thing__c") };
    assert_eq!(found_sorted(model, &query).await, expected, "{:?}", query.words);
}

/// Any part of the folded text, also a single character, in any script, but not across two fields.
pub async fn a_word_is_found_anywhere_in_the_search_text(model: &impl ReadModel) {
    let a = thing(
        "a",
        vec![("name", text("Crème BRÛLÉE Ltd")), ("notes", text("東京タワー 🦀🦀🦀🦀")), ("order", text("hidden"))],
    );
    let b = thing("b", vec![("name", text("Straße")), ("notes", text("Q&A"))]);
    index_all(model, vec![a, b]).await;
    let table: [(&str, &[&str]); 20] = [
        ("creme", &["a"]),
        ("rem", &["a"]),
        ("e b", &["a"]),
        ("rulee ltd", &["a"]),
        ("l", &["a"]),
        ("lt", &["a"]),
        ("a", &["b"]),
        ("straße", &["b"]),
        ("strasse", &[]),
        ("ß", &["b"]),
        ("東", &["a"]),
        ("京タ", &["a"]),
        ("東京タワー", &["a"]),
        ("🦀", &["a"]),
        ("🦀🦀🦀", &["a"]),
        ("🦀🦀🦀🦀🦀", &[]),
        ("hidden", &[]),
        ("ltd東京", &[]),
        ("cremes", &[]),
        ("&", &["b"]),
    ];
    for (word, expected) in table {
        check(model, &[word], expected).await;
    }
}

/// Short and long words together; a repeated word counts once.
pub async fn all_words_must_be_found(model: &impl ReadModel) {
    let named = |id, name, notes| thing(id, vec![("name", text(name)), ("notes", text(notes))]);
    index_all(model, vec![named("a", "Acme Music", "in Athens"), named("b", "Acme Films", "in Berlin")]).await;
    check(model, &[], &["a", "b"]).await;
    check(model, &["acme"], &["a", "b"]).await;
    check(model, &["athens", "acme"], &["a"]).await;
    check(model, &["in", "acme"], &["a", "b"]).await;
    check(model, &["in", "mu"], &["a"]).await;
    check(model, &["in", "mu", "films"], &[]).await;
    check(model, &["acme", "acme", "be", "be"], &["b"]).await;
}

/// Special characters of query languages, in long words and in short ones.
pub async fn special_characters_in_words_are_literal(model: &impl ReadModel) {
    let names = [
        "say \"hello\" now",
        "50% off_x",
        "a*b*c",
        "o'neil's",
        "back\\slash",
        "(and) or not near",
        "x:y {z} ^q -w +v",
        "nul\u{0}inside",
        "odd\u{fffd}\u{ffff}end",
    ];
    let documents = names.iter().enumerate().map(|(index, name)| thing(&index.to_string(), vec![("name", text(name))]));
    index_all(model, documents.collect()).await;
    let table: [(&str, &str); 30] = [
        ("\"hello\"", "0"),
        ("\"", "0"),
        ("o\"", "0"),
        ("\"\"\"", ""),
        ("50%", "1"),
        ("%", "1"),
        ("%%%", ""),
        ("f_x", "1"),
        ("_", "1"),
        ("___", ""),
        ("0_o", ""),
        ("a*b*c", "2"),
        ("*", "2"),
        ("a*", "2"),
        ("say*", ""),
        ("o'neil", "3"),
        ("'", "3"),
        ("'s", "3"),
        ("' or 1=1 --", ""),
        ("\\slash", "4"),
        ("\\", "4"),
        ("(and)", "5"),
        ("not near", "5"),
        ("x:y", "6"),
        ("name:say", ""),
        ("{z}", "6"),
        ("-w +v", "6"),
        ("nul\u{0}in", "7"),
        ("inside", "7"),
        ("\u{ffff}end", "8"),
    ];
    for (word, id) in table {
        let expected: &[&str] = if id.is_empty() { &[] } else { &[id] };
        check(model, &[word], expected).await;
    }
    check(model, &["\u{fffd}end"], &[]).await;
}

/// Hundreds of words, and words of thousands of characters.
pub async fn many_and_long_words_are_searched_completely(model: &impl ReadModel) {
    let many: Vec<String> = (0..700).map(|number| format!("word{number:03}x")).collect();
    let long: String = many.concat();
    let a = thing("a", vec![("name", text(&many.join(" "))), ("notes", text(&long))]);
    index_all(model, vec![a, thing("b", vec![("name", text("word000x"))])]).await;
    let query = query_words(&many.join("\t"));
    let mut words: Vec<&str> = query.iter().map(String::as_str).collect();
    check(model, &words, &["a"]).await;
    check(model, &[&fold(&long)], &["a"]).await;
    check(model, &[&format!("{long}y")], &[]).await;
    words.push("word999x");
    check(model, &words, &[]).await;
}
