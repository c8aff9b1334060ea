//! The table of filters: each operator with each type, and nulls, absent and empty values, case, accents, scripts,
//! escapes, lists and fields with names that stores use themselves.

use super::lists::{filtered, ids, list_of, with_shelf};
use crate::contract::samples::{schema, thing};
use crate::ports::{MAX_PAGE_BYTES, ReadModel};
use crate::queries::{FilterRequest, ListQuery, ListRequest, QueryError};

/// All entities of the shelf that are not deleted.
const ALL: &str = "abcdefghj";

/// A filter and the ids that it finds.
type Row = (&'static str, &'static str);

const TEXTS: [Row; 64] = [
    ("order:eq:Acme", "a"),
    ("order:eq:acme", "b"),
    ("order:eq:ACME", ""),
    ("order:eq:Acmé", ""),
    ("order:eq:ACMÉ", "j"),
    ("order:eq:Crème Brûlée", "c"),
    ("order:eq:Cre\u{300}me Bru\u{302}le\u{301}e", ""),
    ("order:eq:", "h"),
    ("order:eq:a,b", "f"),
    ("order:eq:50%_*?\\\"'", "g"),
    ("order:eq:50%", ""),
    ("order:eq:null", ""),
    ("order:eq:' OR 1=1 --", ""),
    ("order:ne:Acme", "bcdefghj"),
    ("order:ne:", "abcdefgj"),
    ("order:ne:nothing", ALL),
    ("order:in:Acme,acme", "ab"),
    ("order:in:a\\,b", "f"),
    ("order:in:a,b", ""),
    ("order:in:", "h"),
    ("order:in:,Acme", "ah"),
    ("order:in:50%_*?\\\"',x", "g"),
    ("order:contains:ACM", "abj"),
    ("order:contains:cme", "abj"),
    ("order:contains:creme br", "c"),
    ("order:contains:CRÈME", "c"),
    ("order:contains:*", "g"),
    ("order:contains:?", "g"),
    ("order:contains:\\", "g"),
    ("order:contains:%_", "g"),
    ("order:contains:_*?", "g"),
    ("order:contains:\"", "g"),
    ("order:contains:,", "f"),
    ("order:contains:", "abcfghj"),
    ("order:contains:zzz", ""),
    ("order:prefix:ac", "abj"),
    ("order:prefix:AC", "abj"),
    ("order:prefix:cme", ""),
    ("order:prefix:50%_", "g"),
    ("order:prefix:50%_*?\\", "g"),
    ("order:prefix:crem", "c"),
    ("order:prefix:", "abcfghj"),
    ("order:prefix:a,", "f"),
    ("order:exists:true", "abcfghj"),
    ("order:exists:false", "de"),
    ("owner_id:eq:u1", "a"),
    ("owner_id:eq:U1", "b"),
    ("owner_id:ne:u1", "bcdefghj"),
    ("owner_id:in:u1,U1", "ab"),
    ("owner_id:contains:U1", "ab"),
    ("owner_id:prefix:U", "abcf"),
    ("owner_id:exists:true", "abcfgh"),
    ("owner_id:exists:false", "dej"),
    ("id:eq:a", "a"),
    ("id:eq:A", ""),
    ("id:ne:a", "bcdefghj"),
    ("id:in:a,c,zz", "ac"),
    ("id:contains:B", "b"),
    ("id:prefix:A", "a"),
    ("id:exists:true", ALL),
    ("rowid:eq:rowid 1", "a"),
    ("doc:prefix:DOC", "a"),
    ("search_text:contains:TEXT 1", "a"),
    ("external_id:in:external_id 1", "a"),
];

const LISTS: [Row; 16] = [
    ("tags:eq:x", "ab"),
    ("tags:eq:X", "j"),
    ("tags:eq:a,b", "f"),
    ("tags:eq:a", ""),
    ("tags:eq:", "h"),
    ("tags:eq:é", "f"),
    ("tags:eq:*", "g"),
    ("tags:eq:[]", ""),
    ("tags:eq:\",\"", ""),
    ("tags:ne:x", "cdefghj"),
    ("tags:ne:", "abcdefgj"),
    ("tags:in:y,X", "aj"),
    ("tags:in:a\\,b,zz", "f"),
    ("tags:in:a,b", ""),
    ("tags:exists:true", "abfghj"),
    ("tags:exists:false", "cde"),
];

const TIMES: [Row; 28] = [
    ("starts:eq:2024-04-09T20:19:26.123Z", "af"),
    ("starts:eq:2024-04-09T22:19:26.123+02:00", "af"),
    ("starts:eq:2024-04-09T20:19:26Z", ""),
    ("starts:ne:2024-04-09T20:19:26.123Z", "bcdeghj"),
    ("starts:in:2024-04-09T20:19:26.123Z,2024-04-09T20:19:27.123Z", "abf"),
    ("starts:gt:2024-04-09T20:19:26.123Z", "b"),
    ("starts:gte:2024-04-09T20:19:26.123Z", "abf"),
    ("starts:lt:2024-04-09T20:19:26.123Z", "c"),
    ("starts:lte:2024-04-09T20:19:26.123Z", "acf"),
    ("starts:gt:1969-12-31T23:59:59Z", "abcf"),
    ("starts:lt:1969-12-31T23:59:59Z", ""),
    ("starts:exists:true", "abcf"),
    ("starts:exists:false", "deghj"),
    ("created_at:eq:2024-04-09T20:19:25.123Z", ALL),
    ("created_at:lt:2024-04-09T20:19:25.123Z", ""),
    ("updated_at:gte:2024-04-09T20:19:25.123Z", ALL),
    ("created_at:exists:false", ""),
    ("day:eq:2024-02-29", "af"),
    ("day:ne:2024-02-29", "bcdeghj"),
    ("day:in:2024-03-01,1999-12-31", "bc"),
    ("day:gt:2024-02-29", "b"),
    ("day:gte:2024-02-29", "abf"),
    ("day:lt:2024-02-29", "c"),
    ("day:lte:2024-02-29", "acf"),
    ("day:lt:0001-01-01", ""),
    ("day:gt:0001-01-01", "abcf"),
    ("day:exists:true", "abcf"),
    ("day:exists:false", "deghj"),
];

const NUMBERS: [Row; 48] = [
    ("weight:eq:1.5", "a"),
    ("weight:eq:1.50", "a"),
    ("weight:eq:15e-1", "a"),
    ("weight:eq:0", "ch"),
    ("weight:eq:-0", "ch"),
    ("weight:ne:0", "abdefgj"),
    ("weight:in:1.5,-2", "ab"),
    ("weight:gt:0", "afg"),
    ("weight:gte:0", "acfgh"),
    ("weight:lt:0", "b"),
    ("weight:lte:-2", "b"),
    ("weight:gt:1e300", ""),
    ("weight:gte:1e300", "f"),
    ("weight:gt:-1e308", "abcfgh"),
    ("weight:lt:1e-300", "bch"),
    ("weight:exists:true", "abcfgh"),
    ("weight:exists:false", "dej"),
    ("amount:eq:0.1", "a"),
    ("amount:eq:0.10", "a"),
    ("amount:eq:100000000000.01", "b"),
    ("amount:eq:100000000000.02", ""),
    ("amount:ne:2", "abcdefhj"),
    ("amount:in:1.5,2", "fg"),
    ("amount:gt:2", "b"),
    ("amount:gte:2", "bg"),
    ("amount:lt:0", "c"),
    ("amount:lte:0.1", "ac"),
    ("amount:exists:true", "abcfg"),
    ("amount:exists:false", "dehj"),
    ("version:eq:1", ALL),
    ("version:eq:1.5", ""),
    ("version:eq:1e300", ""),
    ("version:ne:1", ""),
    ("version:ne:1.5", ALL),
    ("version:in:1,7.5", ALL),
    ("version:in:7.5", ""),
    ("version:gt:1", ""),
    ("version:gt:0.5", ALL),
    ("version:gte:1", ALL),
    ("version:gte:1.5", ""),
    ("version:lt:1", ""),
    ("version:lt:1.5", ALL),
    ("version:lte:0.5", ""),
    ("version:lte:1", ALL),
    ("version:gt:-1e300", ALL),
    ("version:gt:1e300", ""),
    ("version:lt:1e300", ALL),
    ("version:lte:-1e300", ""),
];

const OTHERS: [Row; 26] = [
    ("open:eq:true", "ac"),
    ("open:eq:false", "bf"),
    ("open:ne:true", "bdefghj"),
    ("open:ne:false", "acdeghj"),
    ("open:in:true,false", "abcf"),
    ("open:in:true", "ac"),
    ("open:exists:true", "abcf"),
    ("open:exists:false", "deghj"),
    ("is_deleted:eq:true", "i"),
    ("is_deleted:eq:false", ALL),
    ("is_deleted:ne:false", "i"),
    ("is_deleted:in:true,false", "abcdefghij"),
    ("is_deleted:exists:true", "abcdefghij"),
    ("is_deleted:exists:false", ""),
    ("stale:eq:true", ""),
    ("stale:eq:false", ALL),
    ("stale:ne:true", ALL),
    ("provider:eq:salesforce", ALL),
    ("provider:eq:Salesforce", ""),
    ("provider:ne:hubspot", ALL),
    ("provider:in:hubspot,pipedrive", ""),
    ("provider:contains:SALES", ALL),
    ("provider:prefix:s", ALL),
    ("provider:exists:true", ALL),
    ("aggregate_id:eq:no uuid", ""),
    ("aggregate_id:ne:no uuid", ALL),
];

/// The ids that filters find, each one character, sorted.
async fn found(model: &impl ReadModel, request: &ListRequest) -> String {
    let mut ids = ids(&list_of(model, request).await);
    ids.sort();
    ids.concat()
}

/// Compares all rows, so that one run shows every difference.
async fn check(model: &impl ReadModel, rows: &[Row]) {
    with_shelf(model).await;
    let mut wrong = Vec::new();
    for (filter, expected) in rows {
        // In another order an index may find the rows in another way.
        for sort in ["-created_at", "order", "-order", "weight"] {
            let request = ListRequest { sort: Some(sort.to_owned()), ..filtered(&[filter]) };
            let found = found(model, &request).await;
            if found != *expected {
                wrong.push(format!("{filter} by {sort}: `{found}`, expected `{expected}`"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Texts, ids and references.
pub async fn filters_on_texts_find_what_they_state(model: &impl ReadModel) {
    check(model, &TEXTS).await;
}

pub async fn filters_on_lists_find_what_they_state(model: &impl ReadModel) {
    check(model, &LISTS).await;
}

/// Timestamps and dates.
pub async fn filters_on_times_find_what_they_state(model: &impl ReadModel) {
    check(model, &TIMES).await;
}

/// Numbers, decimals and versions.
pub async fn filters_on_numbers_find_what_they_state(model: &impl ReadModel) {
    check(model, &NUMBERS).await;
}

/// Bools and system fields.
pub async fn filters_on_other_fields_find_what_they_state(model: &impl ReadModel) {
    check(model, &OTHERS).await;
}

/// The aggregate id is found by its text, whole or in part.
pub async fn an_aggregate_id_is_filtered_as_a_text(model: &impl ReadModel) {
    with_shelf(model).await;
    let id = thing("a", Vec::new()).entity.aggregate_id.to_string();
    let others = ALL.replace('a', "");
    for (operator, value, expected) in [
        ("eq", id.clone(), "a"),
        ("eq", id.to_uppercase(), "a"),
        ("ne", id.clone(), &others),
        ("in", format!("x,{id}"), "a"),
        ("prefix", id[..13].to_uppercase(), "a"),
        ("contains", id[9..20].to_owned(), "a"),
    ] {
        let filter = format!("aggregate_id:{operator}:{value}");
        assert_eq!(found(model, &filtered(&[&filter])).await, expected, "{filter}");
    }
}

/// Several filters, also on one field.
pub async fn all_filters_of_a_request_must_match(model: &impl ReadModel) {
    with_shelf(model).await;
    let table: [(&[&str], &str); 9] = [
        (&[], ALL),
        (&["order:prefix:ac", "open:eq:true"], "a"),
        (&["weight:gte:0", "weight:lt:2"], "ach"),
        (&["tags:eq:x", "tags:eq:y"], "a"),
        (&["order:eq:Acme", "order:eq:acme"], ""),
        (&["order:exists:false", "tags:exists:false"], "de"),
        (&["stale:eq:true", "is_deleted:eq:true"], "i"),
        (&["is_deleted:eq:true", "order:prefix:🦀"], "i"),
        (&["day:gte:2024-02-29", "day:lte:2024-02-29", "open:ne:true", "tags:in:é,x"], "f"),
    ];
    for (filters, expected) in table {
        assert_eq!(found(model, &filtered(filters)).await, expected, "{filters:?}");
    }
}

/// A text of a request and the beginning of its error.
const INVALID: [(&str, &str); 22] = [
    ("colour:eq:red", "colour: a thing has no such field; expected one of aggregate_id, amount, created_at, day, "),
    ("aggregate_type:eq:thing", "aggregate_type: a thing has no such field"),
    ("warnings:exists:true", "warnings: a thing has no such field"),
    ("order:gt:a", "order: invalid operator `gt` for a string: expected one of eq, ne, in, contains, prefix, exists"),
    ("owner_id:lte:a", "owner_id: invalid operator `lte` for a reference: expected one of eq, ne, in"),
    ("tags:contains:x", "tags: invalid operator `contains` for a list: expected one of eq, ne, in, exists"),
    ("open:prefix:t", "open: invalid operator `prefix` for a bool: expected one of eq, ne, in, exists"),
    ("open:gt:false", "open: invalid operator `gt` for a bool"),
    ("weight:contains:1", "weight: invalid operator `contains` for a number: expected one of eq, ne, in, gt, gte"),
    ("weight:eq:heavy", "weight: invalid value `heavy`: expected a number such as 12.5"),
    ("weight:eq:NaN", "weight: invalid value `NaN`: expected a number"),
    ("weight:eq:1e999", "weight: invalid value `1e999`: expected a number"),
    ("weight:in:1,", "weight: invalid value ``: expected a number"),
    ("amount:gt:0x10", "amount: invalid value `0x10`: expected a number"),
    ("open:eq:yes", "open: invalid value `yes`: expected true or false"),
    ("open:exists:maybe", "open: invalid value `maybe`: expected true or false"),
    ("day:eq:2024-02-30", "day: invalid value `2024-02-30`: expected a date such as 2024-04-09"),
    ("day:gt:2024-02-29T00:00:00Z", "day: invalid value `2024-02-29T00:00:00Z`: expected a date"),
    ("starts:gte:2024-04-09", "starts: invalid value `2024-04-09`: expected a timestamp with its offset"),
    ("starts:eq:2024-04-09T20:19:25", "starts: invalid value `2024-04-09T20:19:25`: expected a timestamp with its"),
    ("version:eq:one", "version: invalid value `one`: expected a number"),
    ("stale:eq:gap", "stale: invalid value `gap`: expected true or false"),
];

/// Before the model is asked.
pub async fn an_invalid_filter_names_what_is_expected(_: &impl ReadModel) {
    let error = |request: &ListRequest| match ListQuery::of(schema("Thing__c"), request, MAX_PAGE_BYTES) {
        Err(QueryError::InvalidParameters(invalid)) => invalid[0].to_string(),
        Err(other) => panic!("{request:?}: {other}"),
        Ok(_) => panic!("{request:?} is valid"),
    };
    for (filter, expected) in INVALID {
        let found = error(&filtered(&[filter]));
        assert!(found.starts_with(expected), "{filter}: {found}");
    }
    let long = FilterRequest::equals("x".repeat(100_000), "");
    let found = error(&ListRequest { filters: vec![long], ..ListRequest::default() });
    assert!(found.len() < 1_000, "an error repeats only the beginning of a text: {} bytes", found.len());
    let many = vec![FilterRequest::equals("order", "a"); 101];
    let found = error(&ListRequest { filters: many, ..ListRequest::default() });
    assert_eq!(found, "filter: 101 filters: expected at most 100");
}
