//! Only the event store writes the events table, and it only puts.
//!
//! Code has no other way to write to DynamoDB than the calls named here, so whoever calls none of them cannot change
//! a stored event. The functions' rights hold the same line on AWS; their test is in `tests/aws/tests/template`.

use proc_macro2::TokenTree;

use super::finding::Finding;
use crate::source::package::{Module, Package};

/// The calls of DynamoDB's client that write items or remove tables.
const WRITES: [&str; 9] = [
    "batch_execute_statement",
    "batch_write_item",
    "delete_item",
    "delete_table",
    "execute_statement",
    "execute_transaction",
    "put_item",
    "transact_write_items",
    "update_item",
];

const EVENT_STORE: &str = "shared/aws/src/event_store/";
const STATE_STORE: &str = "shared/aws/src/state_store/";

/// What may call which, and why.
const ALLOWED: [(&str, &[&str], &str); 3] = [
    (EVENT_STORE, &["put_item"], "an append puts one item, on the condition that nothing is there"),
    (STATE_STORE, &WRITES, "it has a table of its own"),
    ("cli/src/aws/doctor/", &WRITES, "`doctor` tries rights by writes whose condition never holds"),
];

/// No other file of a production package writes to DynamoDB.
pub(super) fn only_the_event_store_writes_events(package: &Package) -> Vec<Finding> {
    if !package.is_production() {
        return Vec::new();
    }
    package.modules.iter().flat_map(findings).collect()
}

fn findings(module: &Module) -> Vec<Finding> {
    let mut found = Vec::new();
    let allowed = ALLOWED.iter().filter(|(folder, _, _)| module.path.starts_with(folder));
    let allowed: Vec<&str> = allowed.flat_map(|(_, calls, _)| calls.iter().copied()).collect();
    for (word, line) in words(&module.code.tokens) {
        if WRITES.contains(&word.as_str()) && !allowed.contains(&word.as_str()) {
            let reason = format!("`{word}` writes to DynamoDB: only `{EVENT_STORE}` may write the events table");
            found.push(Finding::at(&module.path, line, reason));
        } else if word == "event_store" && module.path.starts_with(STATE_STORE) {
            let reason = "the state store writes its own table and knows nothing of the event store";
            found.push(Finding::at(&module.path, line, reason));
        }
    }
    found
}

fn words(tokens: &[TokenTree]) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    for token in tokens {
        match token {
            TokenTree::Ident(word) => found.push((word.to_string(), word.span().start().line)),
            TokenTree::Group(group) => found.extend(words(&Vec::from_iter(group.stream()))),
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::code::Code;

    #[track_caller]
    fn check(path: &str, text: &str, lines: &[usize]) {
        let code = Code::parse(text).expect("it is Rust");
        let module = Module { path: path.to_owned(), names: Vec::new(), code, lines: 0, for_testing: false };
        let found: Vec<usize> = findings(&module).iter().map(|finding| finding.line).collect();
        assert_eq!(found, lines, "{path}: {text}");
    }

    #[test]
    fn a_write_outside_of_the_two_stores_is_found() {
        check("shared/aws/src/rebuild/segment.rs", "fn f() {\n    client.put_item().send();\n}", &[2]);
        check("functions/ingest/src/main.rs", "use aws_sdk_dynamodb::operation::update_item::UpdateItemError;", &[1]);
        check("cli/src/quarantine.rs", "fn f() { client.execute_statement() }", &[1]);
        check("cli/src/quarantine.rs", "// put_item\nfn f() { client.get_item() }", &[]);
        check("cli/src/quarantine.rs", "#[cfg(test)]\nmod tests { fn f() { client.put_item() } }", &[]);
    }

    #[test]
    fn the_event_store_puts_and_does_nothing_else() {
        check("shared/aws/src/event_store/append.rs", "fn f() { client.put_item() }", &[]);
        check("shared/aws/src/event_store/append.rs", "fn f() { client.update_item() }", &[1]);
        check("shared/aws/src/event_store/append.rs", "fn f() { client.batch_write_item() }", &[1]);
    }

    #[test]
    fn the_state_store_writes_a_table_that_is_not_the_events() {
        check("shared/aws/src/state_store/items.rs", "fn f() { client.delete_item() }", &[]);
        check("shared/aws/src/state_store/items.rs", "use crate::event_store::DynamoEventStore;", &[1]);
    }
}
