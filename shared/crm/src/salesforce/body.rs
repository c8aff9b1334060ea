//! Reads the fields of a body as writes, one for each field.
//!
//! A struct is written field by field, a null struct as a write of its own path, and a list as one value. A text
//! difference is never taken for the text itself. The caller says which fields of the body count.

use std::collections::BTreeSet;

use annals_domain::change::{FieldWrite, WriteContent};
use annals_domain::event::BodyForm;
use annals_domain::number::canonical_value;
use annals_domain::path::Path;
use annals_domain::text_diff::TextDiff;
use serde_json::Value;

use super::changed_fields::NamedFields;
use super::envelope::HEADER;
use super::{avro, paths};
use annals_json::{Json, Object};

#[derive(Debug, Default)]
pub(super) struct BodyWrites {
    pub(super) writes: Vec<FieldWrite>,
    /// Whether a field is listed whose value the body does not have.
    pub(super) lacks_values: bool,
}

pub(super) fn all(object: &str, body: Object<'_>, diffs: &BTreeSet<Path>) -> BodyWrites {
    let mut writer = BodyWriter { diffs, written: BodyWrites::default() };
    writer.written.writes.reserve(body.len());
    for (key, value) in body {
        if key != HEADER {
            writer.put(paths::canonical(object, &key), value);
        }
    }
    writer.written
}

/// These fields, with unknown values.
pub(super) fn unknown(paths: BTreeSet<Path>) -> BodyWrites {
    let writes = paths.into_iter().map(|path| FieldWrite { path, content: WriteContent::Unknown });
    BodyWrites { writes: writes.collect(), lacks_values: true }
}

/// The fields of the body that are listed. A listed field that the body does not have is null if it is listed as null or
/// its struct is null, else unknown.
pub(super) fn named(object: &str, mut body: Object<'_>, named: &NamedFields, form: BodyForm) -> BodyWrites {
    let roots: BTreeSet<&str> = named.paths.iter().map(|path| root(path.as_str())).collect();
    let is_listed = |key: &str| roots.contains(&*paths::locate(object, root(key)).root);
    body.retain(|key, _| is_listed(key));
    let carried = all(object, body, &named.diffs);
    FieldSelection::of(named, form).select(carried)
}

fn root(path: &str) -> &str {
    path.split('.').next().unwrap_or_default()
}

struct BodyWriter<'a> {
    diffs: &'a BTreeSet<Path>,
    written: BodyWrites,
}

impl BodyWriter<'_> {
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
            leaf => self.written.writes.push(FieldWrite::of_value(path, canonical_value(leaf.into()))),
        }
    }

    /// A value listed as a difference is a difference, or unknown; it is never taken as the text.
    fn put_diff(&mut self, path: Path, diff: &Json<'_>) {
        let content = diff.as_str().and_then(TextDiff::recognise).map_or(WriteContent::Unknown, WriteContent::Diff);
        self.written.lacks_values |= content == WriteContent::Unknown;
        self.written.writes.push(FieldWrite { path, content });
    }
}

fn sole_diff<'a>(fields: &mut Object<'a>) -> Option<Json<'a>> {
    if fields.len() == 1 { fields.get_mut("diff").map(Json::take) } else { None }
}

/// Selects the writes of the fields that an update lists.
struct FieldSelection<'a> {
    named: &'a NamedFields,
    form: BodyForm,
    /// Listed structs of which parts are listed too.
    divided: BTreeSet<&'a str>,
    found: BTreeSet<&'a str>,
    nulls: BTreeSet<Path>,
}

impl<'a> FieldSelection<'a> {
    fn of(named: &'a NamedFields, form: BodyForm) -> Self {
        let paths = &named.paths;
        let divided = paths.iter().flat_map(Path::ancestors).filter(|above| paths.contains(*above)).collect();
        Self { named, form, divided, found: BTreeSet::new(), nulls: BTreeSet::new() }
    }

    fn select(mut self, carried: BodyWrites) -> BodyWrites {
        let mut selected = BodyWrites::default();
        for write in carried.writes {
            if self.is_named(&write) {
                selected.lacks_values |= write.content == WriteContent::Unknown;
                selected.writes.push(write);
            }
        }
        for name in self.named.paths.iter().filter(|name| !self.found.contains(name.as_str())) {
            // If a struct is null, so is each of its fields.
            let is_null = self.named.nulled.contains(name) || name.ancestors().any(|above| self.nulls.contains(above));
            let content = if is_null { WriteContent::Value(Value::Null) } else { WriteContent::Unknown };
            selected.lacks_values |= !is_null;
            selected.writes.push(FieldWrite { path: name.clone(), content });
        }
        selected
    }

    fn is_named(&mut self, write: &FieldWrite) -> bool {
        let is_null = write.content == WriteContent::Value(Value::Null);
        if is_null {
            self.nulls.insert(write.path.clone());
        }
        let mut covering = None;
        for path in std::iter::once(write.path.as_str()).chain(write.path.ancestors()) {
            if let Some(name) = self.named.paths.get(path) {
                self.found.insert(name.as_str());
                covering = covering.or(Some(name.as_str()));
            }
        }
        let Some(name) = covering else { return false };
        // In the Pub/Sub form unchanged fields are null. If the changed fields of a struct are listed, a null
        // field that is not listed did not change.
        let is_unchanged =
            is_null && self.form == BodyForm::Pubsub && name != write.path.as_str() && self.divided.contains(name);
        !is_unchanged
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use annals_json as json;

    fn show(written: &BodyWrites) -> Vec<String> {
        let show = |write: &FieldWrite| match &write.content {
            WriteContent::Value(value) => format!("{}={value}", write.path),
            WriteContent::Unknown => format!("{}?", write.path),
            WriteContent::Diff(_) => format!("{}~", write.path),
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
        let listed = NamedFields { paths: set(names), ..NamedFields::default() };
        let written = named("Account", fields(body), &listed, form);
        assert_eq!(show(&written), expected, "{names:?} in {body}");
    }

    fn diff() -> String {
        format!("--- \\n+++ {}\\n@@ -1,1 +1,1 @@\\n-a\\n+b", "0".repeat(64))
    }

    #[test]
    fn structs_are_written_field_by_field_and_nulls_at_their_own_path() {
        carries(
            r#"{"ChangeEventHeader":null,"Name":{"FirstName":"M","LastName":null},"BillingAddress":null,"A":{"b":{"c":1}},"E":{}}"#,
            &["Name.FirstName=\"M\"", "Name.LastName=null", "BillingAddress=null", "A.B.C=1"],
        );
    }

    #[test]
    fn a_list_is_one_value() {
        carries(r#"{"L":["a",{"string":"b"}],"M":[]}"#, &[r#"L=["a","b"]"#, "M=[]"]);
    }

    #[test]
    fn union_wrappers_are_removed() {
        carries(
            r#"{"Name":{"string":"x"},"N":{"string":null},"BillingAddress":{"com.sforce.eventbus.Address":{"City":{"string":"c"}}}}"#,
            &["Name=\"x\"", "N=null", "BillingAddress.City=\"c\""],
        );
    }

    #[test]
    fn two_spellings_of_one_field_are_one_path() {
        carries(
            r#"{"BillingStreet":"s","BillingAddress":{"city":"c"}}"#,
            &["BillingAddress.Street=\"s\"", "BillingAddress.City=\"c\""],
        );
    }

    #[test]
    fn a_difference_is_never_taken_as_the_text() {
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
        assert!(matches!(&written.writes[0].content, WriteContent::Value(Value::String(_))));
    }

    #[test]
    fn only_listed_fields_are_written() {
        let body = r#"{"Name":"n","Industry":"enriched","BillingAddress":{"Street":"s","City":"c"}}"#;
        names(&["Name"], BodyForm::Json, body, &["Name=\"n\""]);
        names(&["BillingAddress.City"], BodyForm::Json, body, &["BillingAddress.City=\"c\""]);
        names(&["BillingCity"], BodyForm::Json, body, &["BillingAddress.City=\"c\""]);
        names(&["BillingAddress"], BodyForm::Json, body, &["BillingAddress.Street=\"s\"", "BillingAddress.City=\"c\""]);
        names(&["BillingAddress.Street"], BodyForm::Json, r#"{"BillingStreet":"s"}"#, &["BillingAddress.Street=\"s\""]);
    }

    #[test]
    fn a_listed_field_is_unknown_if_absent_and_null_if_null() {
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
    fn null_fields_beside_listed_ones_are_unchanged_in_the_pubsub_form() {
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
    fn the_header_is_not_a_field() {
        names(
            &["ChangeEventHeader"],
            BodyForm::Json,
            r#"{"ChangeEventHeader":null}"#,
            &["ChangeEventHeader?", "lacks"],
        );
    }
}
