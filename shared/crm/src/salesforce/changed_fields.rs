//! Which fields an update lists as changed.
//!
//! Only `changedFields`, `nulledFields` and `diffFields` list changes; a body with neither of the first two lists them by
//! its keys. Enriched fields are therefore never taken as changes. A bitmap is accepted only if the values of the body
//! confirm it.

use std::collections::BTreeSet;

use annals_domain::path::Path;

use super::bitmap::{FieldLayout, is_bitmap};
use super::envelope::HEADER;
use super::header::ChangeEventHeader;
use super::{avro, paths};
use annals_json::{Json, Object};

#[derive(Debug, PartialEq)]
pub(super) enum ChangedFields {
    Body,
    Fields(NamedFields),
    /// The lists contradict the values, as if a client had decoded them wrongly. These fields may have changed.
    Contradicted(BTreeSet<Path>),
    /// The list cannot be decoded.
    Undecodable,
}

/// The fields that the lists name, by their paths.
#[derive(Debug, Default, PartialEq)]
pub(super) struct NamedFields {
    /// All of them.
    pub(super) paths: BTreeSet<Path>,
    pub(super) nulled: BTreeSet<Path>,
    pub(super) diffs: BTreeSet<Path>,
}

/// One list of fields as paths, and the values of the fields that bitmaps select.
struct ResolvedNames<'a> {
    paths: BTreeSet<Path>,
    decoded: Vec<(Path, &'a Json<'a>)>,
}

/// The changed fields of the payload. The payload must still have the key of its header.
pub(super) fn changed(header: &ChangeEventHeader<'_>, payload: &Object<'_>) -> ChangedFields {
    if header.changed.is_none() && header.nulled.is_none() {
        return ChangedFields::Body;
    }
    match named(header, payload) {
        Some(named) if is_contradicted(header, &named, payload) => {
            ChangedFields::Contradicted(doubtful(header.object, named, payload))
        }
        Some(named) if !named.paths.is_empty() => ChangedFields::Fields(named),
        _ => ChangedFields::Undecodable,
    }
}

/// The fields whose value is a text difference; `None` if the list cannot be decoded.
pub(super) fn diffs(header: &ChangeEventHeader<'_>, payload: &Object<'_>) -> Option<BTreeSet<Path>> {
    if header.diffs.is_empty() {
        return Some(BTreeSet::new());
    }
    let layout = layout_for(&header.diffs, payload);
    let diffs = resolve(header.object, &header.diffs, layout.as_ref())?;
    diffs.decoded.iter().all(|(_, value)| avro::inside(value).as_str().is_some()).then_some(diffs.paths)
}

fn named(header: &ChangeEventHeader<'_>, payload: &Object<'_>) -> Option<NamedFields> {
    let diffs = diffs(header, payload)?;
    let (changed, nulled) =
        (header.changed.as_deref().unwrap_or_default(), header.nulled.as_deref().unwrap_or_default());
    let layout = layout_for(changed, payload).or_else(|| layout_for(nulled, payload));
    let changed = resolve(header.object, changed, layout.as_ref())?;
    let nulled = resolve(header.object, nulled, layout.as_ref())?;
    let is_decoded = layout.is_some() || header.diffs.iter().any(|entry| is_bitmap(entry));
    if is_decoded && !is_confirmed(&changed, &nulled, payload) {
        return None;
    }
    let mut paths = changed.paths;
    paths.extend(diffs.iter().chain(&nulled.paths).cloned());
    Some(NamedFields { paths, nulled: nulled.paths, diffs })
}

/// Whether the values contradict lists of names that a client decoded from bitmaps: a changed field is null and not
/// listed as such, one that is listed as null has a value, or the date of the modification has a value and is not listed.
/// Only top-level names are looked at: a known client leaves the fields of structs out of `nulledFields`.
fn is_contradicted(header: &ChangeEventHeader<'_>, named: &NamedFields, payload: &Object<'_>) -> bool {
    let (Some(changed), Some(nulled)) = (&header.changed, &header.nulled) else { return false };
    let value = |name: &str| payload.get(name).map(avro::inside);
    let is_nulled = |name: &str| {
        let path = paths::canonical(header.object, name);
        named.nulled.iter().any(|nulled| nulled.overlaps(&path))
    };
    let has_stamp = value("LastModifiedDate").is_some_and(|stamp| !stamp.is_null());
    changed.iter().any(|name| value(name).is_some_and(Json::is_null) && !is_nulled(name))
        || nulled.iter().any(|name| value(name).is_some_and(|value| !value.is_null() && value.as_object().is_none()))
        || (has_stamp && !changed.is_empty() && !named.paths.contains("LastModifiedDate"))
}

/// What an event with contradicted lists may have changed: the fields that it names, and those with a value.
fn doubtful(object: &str, named: NamedFields, payload: &Object<'_>) -> BTreeSet<Path> {
    let carried = payload.iter().filter(|(key, value)| *key != HEADER && !avro::inside(value).is_null());
    let mut doubtful = named.paths;
    doubtful.extend(carried.map(|(key, _)| paths::canonical(object, key)));
    doubtful
}

fn layout_for<'a>(entries: &[&str], payload: &'a Object<'a>) -> Option<FieldLayout<'a>> {
    entries.iter().any(|entry| is_bitmap(entry)).then(|| FieldLayout::of(payload)).flatten()
}

fn resolve<'a>(object: &str, entries: &[&str], layout: Option<&FieldLayout<'a>>) -> Option<ResolvedNames<'a>> {
    let mut resolved = ResolvedNames { paths: BTreeSet::new(), decoded: Vec::new() };
    for entry in entries {
        if entry.is_empty() {
            return None;
        }
        if !is_bitmap(entry) {
            resolved.paths.insert(paths::canonical(object, entry));
            continue;
        }
        for field in layout?.fields(entry)? {
            let path = paths::canonical(object, &field.name);
            resolved.paths.insert(path.clone());
            resolved.decoded.push((path, field.value));
        }
    }
    Some(resolved)
}

/// Whether the values confirm the decoded bitmaps: a changed field has a value or is listed as nulled, a nulled field is
/// null, and the date of the modification, if the body has it, is among the changed fields.
fn is_confirmed(changed: &ResolvedNames<'_>, nulled: &ResolvedNames<'_>, payload: &Object<'_>) -> bool {
    let is_null = |value: &Json<'_>| avro::inside(value).is_null();
    let stamp = payload.get("LastModifiedDate").filter(|stamp| !is_null(stamp));
    changed.decoded.iter().all(|(path, value)| !is_null(value) || nulled.paths.contains(path))
        && nulled.decoded.iter().all(|(_, value)| is_null(value))
        && (stamp.is_none() || changed.paths.contains("LastModifiedDate"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::salesforce::header;
    use annals_json as json;

    const BODY: &str = r#""Name":"a","Type":null,"BillingAddress":{"Street":"s","City":null},"LastModifiedDate":1"#;

    fn naming(lists: &str, body: &str) -> ChangedFields {
        let header = format!(
            r#"{{"entityName":"Account","recordIds":["0014H00002LbR7QQAV"],"changeType":"UPDATE","commitTimestamp":1{lists}}}"#
        );
        let (header, body) = (json::read(&header).unwrap(), json::read(body).unwrap());
        changed(&header::read(&header).unwrap(), body.as_object().unwrap())
    }

    #[track_caller]
    fn check(lists: &str, expected: Option<&[&str]>) {
        let body = format!(r#"{{"ChangeEventHeader":null,{BODY}}}"#);
        let found = match naming(lists, &body) {
            ChangedFields::Fields(named) => Some(named.paths),
            ChangedFields::Undecodable => None,
            other => panic!("{lists} gives {other:?}"),
        };
        let expected = expected.map(|paths| paths.iter().map(|path| Path::new(*path)).collect());
        assert_eq!(found, expected, "{lists}");
    }

    #[test]
    fn listed_names_become_canonical_paths() {
        check(r#","changedFields":["Name","BillingStreet"]"#, Some(&["Name", "BillingAddress.Street"]));
        check(
            r#","changedFields":["Name","LastModifiedDate"],"nulledFields":["Type"]"#,
            Some(&["Name", "Type", "LastModifiedDate"]),
        );
        check(r#","nulledFields":["Type"]"#, Some(&["Type"]));
        check(r#","changedFields":["Name"],"diffFields":["Name"]"#, Some(&["Name"]));
    }

    #[test]
    fn bitmaps_are_decoded_by_the_bodys_order() {
        check(r#","changedFields":["0x12"]"#, Some(&["Name", "LastModifiedDate"]));
        check(r#","changedFields":["0x10","3-0x01"]"#, Some(&["BillingAddress.Street", "LastModifiedDate"]));
        check(r#","changedFields":["0x14"],"nulledFields":["0x4"]"#, Some(&["Type", "LastModifiedDate"]));
        check(
            r#","changedFields":["0x10","3-0x02"],"nulledFields":["3-0x02"]"#,
            Some(&["BillingAddress.City", "LastModifiedDate"]),
        );
        check(r#","changedFields":["0x12"],"diffFields":["0x2"]"#, Some(&["Name", "LastModifiedDate"]));
    }

    #[test]
    fn a_bitmap_that_the_values_do_not_confirm_is_undecodable() {
        check(r#","changedFields":["0x02"]"#, None);
        check(r#","changedFields":["0x14"]"#, None);
        check(r#","changedFields":["0x12"],"nulledFields":["0x2"]"#, None);
        check(r#","changedFields":["0x90"]"#, None);
        check(r#","changedFields":["0x12"],"diffFields":["0x4"]"#, None);
        check(r#","changedFields":["0x12"],"diffFields":["0x400"]"#, None);
        check(r#","changedFields":["0x10","3-0x02"]"#, None);
    }

    #[test]
    fn names_that_the_values_contradict_are_not_believed() {
        let body = format!(r#"{{"ChangeEventHeader":null,"Fax":"1","Phone":null,{BODY}}}"#);
        let naming = |changed: &str, nulled: &str| {
            naming(&format!(r#","changedFields":{changed},"nulledFields":{nulled},"diffFields":[]"#), &body)
        };
        let all = ["BillingAddress", "Fax", "LastModifiedDate", "Name", "Type"].map(Path::new);
        for (changed, nulled) in [
            (r#"["Type","LastModifiedDate"]"#, "[]"),
            (r#"["Type","LastModifiedDate"]"#, r#"["Name"]"#),
            (r#"["Type"]"#, r#"["Type"]"#),
        ] {
            let found = naming(changed, nulled);
            assert_eq!(found, ChangedFields::Contradicted(all.clone().into()), "{changed} {nulled}");
        }
        for (changed, nulled) in [
            (r#"["Type","LastModifiedDate"]"#, r#"["Type"]"#),
            (r#"["BillingAddress.City","LastModifiedDate"]"#, "[]"),
            (r#"["BillingCity","LastModifiedDate"]"#, "[]"),
            (r#"["Phone","LastModifiedDate"]"#, r#"["Phone"]"#),
        ] {
            assert!(matches!(naming(changed, nulled), ChangedFields::Fields(_)), "{changed} {nulled}");
        }
    }

    #[test]
    fn an_update_with_empty_lists_is_undecodable() {
        check(r#","changedFields":[]"#, None);
        check(r#","changedFields":[],"nulledFields":[],"diffFields":[]"#, None);
        check(r#","nulledFields":[]"#, None);
        check(r#","changedFields":["Name",""]"#, None);
    }

    #[test]
    fn without_lists_the_keys_of_the_body_are_the_changed_fields() {
        assert_eq!(naming("", r#"{"ChangeEventHeader":null,"Name":1}"#), ChangedFields::Body);
        assert_eq!(naming(r#","diffFields":[]"#, r#"{"ChangeEventHeader":null,"Name":1}"#), ChangedFields::Body);
    }

    #[test]
    fn a_bitmap_needs_the_header_as_the_first_key() {
        let body = format!(r#"{{{BODY},"ChangeEventHeader":null}}"#);
        assert_eq!(naming(r#","changedFields":["0x12"]"#, &body), ChangedFields::Undecodable);
        assert!(matches!(naming(r#","changedFields":["Name"]"#, &body), ChangedFields::Fields(_)));
    }
}
