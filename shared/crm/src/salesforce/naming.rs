//! Which fields an update names as changed.
//!
//! Promises that enriched fields are never taken for changes: only `changedFields`, `nulledFields`
//! and `diffFields` name, or, where a body has neither of the first two, its keys. A bitmap is
//! believed only if the values bear it out.

use std::collections::BTreeSet;

use annals_domain::path::Path;

use super::bitmap::{Layout, is_bitmap};
use super::header::Header;
use super::{avro, paths};
use annals_json::{Json, Object};

/// What an update names.
#[derive(Debug, PartialEq)]
pub(super) enum Naming {
    /// Every key of its body.
    Body,
    /// Those fields.
    Fields(BTreeSet<Path>),
    /// Nothing that can be told.
    Undecodable,
}

/// One list of names, resolved; those that bitmaps named with the values they fell on.
struct Resolved<'a> {
    paths: BTreeSet<Path>,
    decoded: Vec<(Path, &'a Json<'a>)>,
}

/// What the header names as changed in the payload. The header's place in it is kept.
pub(super) fn changed(header: &Header<'_>, payload: &Object<'_>) -> Naming {
    if header.changed.is_none() && header.nulled.is_none() {
        return Naming::Body;
    }
    named(header, payload).filter(|paths| !paths.is_empty()).map_or(Naming::Undecodable, Naming::Fields)
}

/// The fields whose text is a difference; `None` where that cannot be told.
pub(super) fn diffs(header: &Header<'_>, payload: &Object<'_>) -> Option<BTreeSet<Path>> {
    if header.diffs.is_empty() {
        return Some(BTreeSet::new());
    }
    let layout = layout_for(&header.diffs, payload);
    let diffs = resolve(header.object, &header.diffs, layout.as_ref())?;
    diffs.decoded.iter().all(|(_, value)| avro::inside(value).as_str().is_some()).then_some(diffs.paths)
}

fn named(header: &Header<'_>, payload: &Object<'_>) -> Option<BTreeSet<Path>> {
    let mut paths = diffs(header, payload)?;
    let (changed, nulled) =
        (header.changed.as_deref().unwrap_or_default(), header.nulled.as_deref().unwrap_or_default());
    let layout = layout_for(changed, payload).or_else(|| layout_for(nulled, payload));
    let changed = resolve(header.object, changed, layout.as_ref())?;
    let nulled = resolve(header.object, nulled, layout.as_ref())?;
    let is_decoded = layout.is_some() || header.diffs.iter().any(|entry| is_bitmap(entry));
    if is_decoded && !is_borne_out(&changed, &nulled, payload) {
        return None;
    }
    paths.extend(changed.paths);
    paths.extend(nulled.paths);
    Some(paths)
}

fn layout_for<'a>(entries: &[&str], payload: &'a Object<'a>) -> Option<Layout<'a>> {
    entries.iter().any(|entry| is_bitmap(entry)).then(|| Layout::of(payload)).flatten()
}

fn resolve<'a>(object: &str, entries: &[&str], layout: Option<&Layout<'a>>) -> Option<Resolved<'a>> {
    let mut resolved = Resolved { paths: BTreeSet::new(), decoded: Vec::new() };
    for entry in entries {
        if entry.is_empty() {
            return None;
        }
        if !is_bitmap(entry) {
            resolved.paths.insert(paths::canonical(object, entry));
            continue;
        }
        for spot in layout?.spots(entry)? {
            let path = paths::canonical(object, &spot.name);
            resolved.paths.insert(path.clone());
            resolved.decoded.push((path, spot.value));
        }
    }
    Some(resolved)
}

/// Whether the values agree: what changed has a value or was nulled, what was nulled is null, and
/// the modification's own date, where carried, is among what changed.
fn is_borne_out(changed: &Resolved<'_>, nulled: &Resolved<'_>, payload: &Object<'_>) -> bool {
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

    fn naming(lists: &str, body: &str) -> Naming {
        let header = format!(
            r#"{{"entityName":"Account","recordIds":["0014H00002LbR7QQAV"],"changeType":"UPDATE","commitTimestamp":1{lists}}}"#
        );
        let (header, body) = (json::read(&header).unwrap(), json::read(body).unwrap());
        changed(&header::read(&header).unwrap(), body.as_object().unwrap())
    }

    #[track_caller]
    fn check(lists: &str, expected: Option<&[&str]>) {
        let body = format!(r#"{{"ChangeEventHeader":null,{BODY}}}"#);
        let expected = expected
            .map_or(Naming::Undecodable, |paths| Naming::Fields(paths.iter().map(|path| Path::new(*path)).collect()));
        assert_eq!(naming(lists, &body), expected, "{lists}");
    }

    #[test]
    fn names_are_taken_as_canonical_paths() {
        check(r#","changedFields":["Name","BillingStreet"]"#, Some(&["Name", "BillingAddress.Street"]));
        check(r#","changedFields":["Name"],"nulledFields":["Type"]"#, Some(&["Name", "Type"]));
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
    fn a_decoding_that_the_values_do_not_bear_out_is_not_believed() {
        check(r#","changedFields":["0x02"]"#, None);
        check(r#","changedFields":["0x14"]"#, None);
        check(r#","changedFields":["0x12"],"nulledFields":["0x2"]"#, None);
        check(r#","changedFields":["0x90"]"#, None);
        check(r#","changedFields":["0x12"],"diffFields":["0x4"]"#, None);
        check(r#","changedFields":["0x12"],"diffFields":["0x400"]"#, None);
        check(r#","changedFields":["0x10","3-0x02"]"#, None);
    }

    #[test]
    fn an_update_that_names_nothing_is_undecodable() {
        check(r#","changedFields":[]"#, None);
        check(r#","changedFields":[],"nulledFields":[],"diffFields":[]"#, None);
        check(r#","nulledFields":[]"#, None);
        check(r#","changedFields":["Name",""]"#, None);
    }

    #[test]
    fn without_lists_the_keys_of_the_body_name() {
        assert_eq!(naming("", r#"{"ChangeEventHeader":null,"Name":1}"#), Naming::Body);
        assert_eq!(naming(r#","diffFields":[]"#, r#"{"ChangeEventHeader":null,"Name":1}"#), Naming::Body);
    }

    #[test]
    fn a_bitmap_needs_the_header_in_front() {
        let body = format!(r#"{{{BODY},"ChangeEventHeader":null}}"#);
        assert_eq!(naming(r#","changedFields":["0x12"]"#, &body), Naming::Undecodable);
        assert!(matches!(naming(r#","changedFields":["Name"]"#, &body), Naming::Fields(_)));
    }
}
