//! The rules about rights find what breaks them.

use annals_template_tests::Template;

use crate::rights::{changes_of_events, reaches_too_far};

/// The rights that ingest has on the events table, as they stand in the template.
const RIGHTS: &str = "Action: [dynamodb:PutItem, dynamodb:Query, dynamodb:GetItem]";

/// What is found of a template in which ingest's statement about events is this.
fn found(statement: &str) -> (Vec<String>, Vec<String>) {
    let path = annals_template_tests::repository().join("template.yaml");
    let text = std::fs::read_to_string(path).expect("the template");
    assert_eq!(text.matches(RIGHTS).count(), 1, "ingest's rights stand there once");
    let stack = Template::of(&text.replace(RIGHTS, statement)).with(&[]);
    (changes_of_events(&stack), reaches_too_far(&stack))
}

#[track_caller]
fn check(statement: &str, changes: usize, too_far: usize) {
    let (found_changes, found_too_far) = found(statement);
    assert_eq!((found_changes.len(), found_too_far.len()), (changes, too_far), "{found_changes:?} {found_too_far:?}");
}

#[test]
fn rights_beyond_the_append_are_found() {
    check(RIGHTS, 0, 0);
    check("Action: [dynamodb:PutItem, dynamodb:UpdateItem]", 1, 0);
    check("Action: dynamodb:deleteitem", 1, 0);
    check("Action: dynamodb:BatchWrite*", 1, 1);
    check("Action: dynamodb:*", 14, 1);
    check("Action: '*'", 14, 1);
}

#[test]
#[should_panic(expected = "NotAction")]
fn a_statement_that_names_what_it_leaves_out_is_refused() {
    found("NotAction: dynamodb:DeleteItem");
}
