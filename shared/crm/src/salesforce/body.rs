//! From a body's fields to writes, one a leaf.
//!
//! Promises that a struct is written leaf by leaf, that a null struct is a write of its own path,
//! that lists are leaves, and that a difference is never taken for a text. Which fields count is
//! the caller's word.

use std::collections::BTreeSet;

use annals_domain::change::{Content, Write};
use annals_domain::event::BodyForm;
use annals_domain::path::Path;
use annals_domain::text_diff::TextDiff;
use serde_json::Value;

use super::envelope::HEADER;
use super::{avro, paths};
use annals_json::{Json, Object};

/// What a body writes.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) writes: Vec<Write>,
    /// Whether something is named whose value is not carried.
    pub(super) lacks_values: bool,
}

/// Everything that the body carries.
pub(super) fn all(object: &str, body: Object<'_>, diffs: &BTreeSet<Path>) -> Written {
    let mut writer = Writer { diffs, written: Written::default() };
    writer.written.writes.reserve(body.len());
    for (key, value) in body {
        if key != HEADER {
            writer.put(paths::canonical(object, &key), value);
        }
    }
    writer.written
}

/// What of the body is named, and null or `Unknown` for what is named and not carried.
pub(super) fn named(
    object: &str,
    mut body: Object<'_>,
    names: &BTreeSet<Path>,
    diffs: &BTreeSet<Path>,
    form: BodyForm,
) -> Written {
    let roots: BTreeSet<&str> = names.iter().map(|path| root(path.as_str())).collect();
    let is_met = |key: &str| key != HEADER && roots.contains(&*paths::place(object, root(key)).root);
    body.retain(|key, _| is_met(key));
    let carried = all(object, body, diffs);
    Selection::of(names, form).select(carried)
}

fn root(path: &str) -> &str {
    path.split('.').next().unwrap_or_default()
}

struct Writer<'a> {
    diffs: &'a BTreeSet<Path>,
    written: Written,
}

impl Writer<'_> {
    fn put(&mut self, path: Path, value: Json<'_>) {
        match avro::unwrapped(value) {
            Json::Object(mut fields) => match sole_diff(&mut fields) {
                Some(diff) => self.put_diff(path, &diff),
                None => {
                    for (key, value) in fields {
                        self.put(paths::child(&path, &key), value);
                    }
                }
            },
            leaf if self.diffs.contains(&path) => self.put_diff(path, &leaf),
            leaf => self.written.writes.push(Write::whole(path, leaf.into())),
        }
    }

    /// What is named a difference is one, or it is not known: its text is never the value.
    fn put_diff(&mut self, path: Path, diff: &Json<'_>) {
        let content = diff.as_str().and_then(TextDiff::recognise).map_or(Content::Unknown, Content::Diff);
        self.written.lacks_values |= content == Content::Unknown;
        self.written.writes.push(Write { path, content });
    }
}

/// The JSON form's `{"diff": "--- …"}`.
fn sole_diff<'a>(fields: &mut Object<'a>) -> Option<Json<'a>> {
    if fields.len() == 1 { fields.get_mut("diff").map(Json::take) } else { None }
}

/// The fields that an update names, and which of them were met.
struct Selection<'a> {
    names: &'a BTreeSet<Path>,
    form: BodyForm,
    /// Names above other names: their struct's parts speak for themselves.
    divided: BTreeSet<&'a str>,
    met: BTreeSet<&'a str>,
    nulls: BTreeSet<Path>,
}

impl<'a> Selection<'a> {
    fn of(names: &'a BTreeSet<Path>, form: BodyForm) -> Self {
        let divided = names.iter().flat_map(Path::ancestors).filter(|above| names.contains(*above)).collect();
        Self { names, form, divided, met: BTreeSet::new(), nulls: BTreeSet::new() }
    }

    fn select(mut self, carried: Written) -> Written {
        let mut selected = Written::default();
        for write in carried.writes {
            if self.is_named(&write) {
                selected.lacks_values |= write.content == Content::Unknown;
                selected.writes.push(write);
            }
        }
        for name in self.names.iter().filter(|name| !self.met.contains(name.as_str())) {
            // A null struct says null of each of its parts.
            let is_null = name.ancestors().any(|above| self.nulls.contains(above));
            let content = if is_null { Content::Whole(Value::Null) } else { Content::Unknown };
            selected.lacks_values |= !is_null;
            selected.writes.push(Write { path: name.clone(), content });
        }
        selected
    }

    fn is_named(&mut self, write: &Write) -> bool {
        let is_null = write.content == Content::Whole(Value::Null);
        if is_null {
            self.nulls.insert(write.path.clone());
        }
        let mut covering = None;
        for path in std::iter::once(write.path.as_str()).chain(write.path.ancestors()) {
            if let Some(name) = self.names.get(path) {
                self.met.insert(name.as_str());
                covering = covering.or(Some(name.as_str()));
            }
        }
        let Some(name) = covering else { return false };
        // In the Pub/Sub form unchanged parts are null: where the changed ones are named, a null
        // that is not among them is no news.
        let is_unchanged =
            is_null && self.form == BodyForm::Pubsub && name != write.path.as_str() && self.divided.contains(name);
        !is_unchanged
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use annals_json as json;

    fn show(written: &Written) -> Vec<String> {
        let show = |write: &Write| match &write.content {
            Content::Whole(value) => format!("{}={value}", write.path),
            Content::Unknown => format!("{}?", write.path),
            Content::Diff(_) => format!("{}~", write.path),
        };
        let mut shown: Vec<_> = written.writes.iter().map(show).collect();
        shown.extend(written.lacks_values.then(|| "lacks".to_owned()));
        shown
    }

    fn set(names: &[&str]) -> BTreeSet<Path> {
        names.iter().map(|name| paths::canonical("Account", name)).collect()
    }

    fn fields(body: &str) -> Object<'_> {
        json::read(body).unwrap().as_object().unwrap().clone()
    }

    #[track_caller]
    fn carries(body: &str, expected: &[&str]) {
        assert_eq!(show(&all("Account", fields(body), &BTreeSet::new())), expected, "{body}");
    }

    #[track_caller]
    fn names(names: &[&str], form: BodyForm, body: &str, expected: &[&str]) {
        let written = named("Account", fields(body), &set(names), &BTreeSet::new(), form);
        assert_eq!(show(&written), expected, "{names:?} in {body}");
    }

    fn diff() -> String {
        format!("--- \\n+++ {}\\n@@ -1,1 +1,1 @@\\n-a\\n+b", "0".repeat(64))
    }

    #[test]
    fn structs_are_written_leaf_by_leaf_and_nulls_at_their_own_path() {
        carries(
            r#"{"ChangeEventHeader":null,"Name":{"FirstName":"M","LastName":null},"BillingAddress":null,"A":{"b":{"c":1}},"E":{}}"#,
            &["Name.FirstName=\"M\"", "Name.LastName=null", "BillingAddress=null", "A.B.C=1"],
        );
    }

    #[test]
    fn lists_are_leaves() {
        carries(r#"{"L":["a",{"string":"b"}],"M":[]}"#, &[r#"L=["a","b"]"#, "M=[]"]);
    }

    #[test]
    fn union_wrappers_are_seen_through() {
        carries(
            r#"{"Name":{"string":"x"},"N":{"string":null},"BillingAddress":{"com.sforce.eventbus.Address":{"City":{"string":"c"}}}}"#,
            &["Name=\"x\"", "N=null", "BillingAddress.City=\"c\""],
        );
    }

    #[test]
    fn spellings_of_one_leaf_are_one_path() {
        carries(
            r#"{"BillingStreet":"s","BillingAddress":{"city":"c"}}"#,
            &["BillingAddress.Street=\"s\"", "BillingAddress.City=\"c\""],
        );
    }

    #[test]
    fn a_difference_is_never_taken_for_the_text() {
        carries(&format!(r#"{{"Description":{{"diff":"{}"}}}}"#, diff()), &["Description~"]);
        carries(r#"{"Description":{"diff":"--- no header"}}"#, &["Description?", "lacks"]);
        carries(r#"{"Description":{"diff":null}}"#, &["Description?", "lacks"]);
        let named_diff =
            |text: &str| show(&all("Account", fields(&format!(r#"{{"Description":{text}}}"#)), &set(&["Description"])));
        assert_eq!(named_diff(&format!("\"{}\"", diff())), ["Description~"]);
        assert_eq!(named_diff("\"plain\""), ["Description?", "lacks"]);
        assert_eq!(named_diff("null"), ["Description?", "lacks"]);
    }

    #[test]
    fn a_text_that_only_looks_like_a_difference_is_a_text() {
        let body = format!(r#"{{"Description":"{}"}}"#, diff());
        let written = all("Account", fields(&body), &BTreeSet::new());
        assert!(matches!(&written.writes[0].content, Content::Whole(Value::String(_))));
    }

    #[test]
    fn only_what_is_named_is_written() {
        let body = r#"{"Name":"n","Industry":"enriched","BillingAddress":{"Street":"s","City":"c"}}"#;
        names(&["Name"], BodyForm::Json, body, &["Name=\"n\""]);
        names(&["BillingAddress.City"], BodyForm::Json, body, &["BillingAddress.City=\"c\""]);
        names(&["BillingCity"], BodyForm::Json, body, &["BillingAddress.City=\"c\""]);
        names(&["BillingAddress"], BodyForm::Json, body, &["BillingAddress.Street=\"s\"", "BillingAddress.City=\"c\""]);
        names(&["BillingAddress.Street"], BodyForm::Json, r#"{"BillingStreet":"s"}"#, &["BillingAddress.Street=\"s\""]);
    }

    #[test]
    fn named_and_absent_is_unknown_and_named_and_null_is_null() {
        for form in [BodyForm::Json, BodyForm::Pubsub] {
            names(&["Name"], form, "{}", &["Name?", "lacks"]);
            names(&["Name"], form, r#"{"Name":null}"#, &["Name=null"]);
            names(
                &["BillingAddress.City"],
                form,
                r#"{"BillingAddress":{"Street":"s"}}"#,
                &["BillingAddress.City?", "lacks"],
            );
            names(&["BillingAddress.City"], form, r#"{"BillingAddress":{"City":null}}"#, &["BillingAddress.City=null"]);
            names(&["BillingAddress.City"], form, r#"{"BillingAddress":null}"#, &["BillingAddress.City=null"]);
            names(&["BillingAddress"], form, r#"{"BillingAddress":null}"#, &["BillingAddress=null"]);
            names(&["BillingAddress"], form, r#"{"BillingAddress":{}}"#, &["BillingAddress?", "lacks"]);
        }
    }

    #[test]
    fn null_parts_beside_named_ones_are_no_news_in_the_pubsub_form() {
        let body = r#"{"BillingAddress":{"Street":null,"City":"c","State":null}}"#;
        names(&["BillingAddress.City"], BodyForm::Pubsub, body, &["BillingAddress.City=\"c\""]);
        names(
            &["BillingAddress.City", "BillingAddress.State"],
            BodyForm::Pubsub,
            body,
            &["BillingAddress.City=\"c\"", "BillingAddress.State=null"],
        );
        names(
            &["BillingAddress", "BillingAddress.State"],
            BodyForm::Pubsub,
            body,
            &["BillingAddress.City=\"c\"", "BillingAddress.State=null"],
        );
        let whole = ["BillingAddress.Street=null", "BillingAddress.City=\"c\"", "BillingAddress.State=null"];
        names(&["BillingAddress"], BodyForm::Pubsub, body, &whole);
        names(&["BillingAddress", "BillingAddress.State"], BodyForm::Json, body, &whole);
    }

    #[test]
    fn the_header_is_no_field() {
        names(
            &["ChangeEventHeader"],
            BodyForm::Json,
            r#"{"ChangeEventHeader":null}"#,
            &["ChangeEventHeader?", "lacks"],
        );
    }
}
