//! The list of records in the text of a change event.

use annals_json as json;
use annals_json::Json;

const KEY: &str = "\"recordIds\"";

/// The text before and after the list; `None` unless it stands there exactly once.
pub(super) fn around(input: &str) -> Option<(&str, &str)> {
    let mut lists = input.match_indices(KEY).filter_map(|(at, key)| {
        let value = input[at + key.len()..].trim_ascii_start().strip_prefix(':')?.trim_ascii_start();
        let begin = input.len() - value.len();
        // No id has a bracket. What is found by chance in other texts is no list of texts.
        let end = begin + value.find(']')? + 1;
        let list = json::read(&input[begin..end]).ok()?;
        let is_list = list.as_array()?.iter().all(|id| Json::as_str(id).is_some());
        is_list.then_some((&input[..begin], &input[end..]))
    });
    let found = lists.next()?;
    lists.next().is_none().then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_found_in_any_spelling() {
        for (before, list, after) in [
            (r#"{"ChangeEventHeader":{"recordIds":"#, r#"["a","b"]"#, r#","x":[1]}}"#),
            ("{\"recordIds\" :\n ", "[ \"a\" ]", " }"),
            (r#"{"Name":"\"recordIds\":[\"x\"]","recordIds":"#, r#"["a"]"#, "}"),
            (r#"{"recordIds":7,"h":{"recordIds":"#, r#"["a"]"#, "}}"),
        ] {
            assert_eq!(around(&format!("{before}{list}{after}")), Some((before, after)), "{before}");
        }
    }

    #[test]
    fn a_list_that_is_not_there_exactly_once_is_not_found() {
        for text in
            ["{}", r#"{"recordIds":["a"#, r#"{"recordIds":[1]}"#, r#"{"recordIds":["a"],"h":{"recordIds":["b"]}}"#]
        {
            assert_eq!(around(text), None, "{text}");
        }
    }
}
