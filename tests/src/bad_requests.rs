//! Reads that must be refused, and attempts to inject a query into every parameter: the same rules for every store.

use serde_json::Value;

use crate::changes::record_id;

/// More bytes than a query or a cursor may have, and fewer than make a URL that HTTP libraries refuse.
const LONG: usize = 60_000;

/// A path after `/clients`, and how the error begins. `{id}` is a client's.
const REFUSED: [(&str, &str); 43] = [
    ("?colour=red", "colour: a client has no such field; expected one of"),
    ("?filter=colour:eq:red", "colour: a client has no such field; expected one of"),
    ("?filter=name:like:x", "filter: unknown operator `like`: expected one of"),
    ("?filter=name", "filter: invalid value `name`: expected {field}:{operator}:{value}"),
    ("?filter=name:gt:x", "name: invalid operator `gt` for a string: expected one of"),
    ("?filter=created_at:gt:yesterday", "created_at: invalid value `yesterday`: expected a timestamp"),
    ("?filter=created_at:gt:2024-04-09T20:19:25", "created_at: invalid value `2024-04-09T20:19:25`: expected"),
    ("?is_deleted=maybe", "is_deleted: invalid value `maybe`: expected true or false"),
    ("?include_deleted=1", "include_deleted: invalid value `1`: expected true or false"),
    ("?sort=colour", "sort: "),
    ("?fields=colour", "fields: colour: a client has no such field; expected one of"),
    ("?page=-1", "page: invalid value `-1`: expected a whole number"),
    ("?page=0", "page: invalid value `0`: expected a number from 1"),
    ("?page=1e3", "page: invalid value `1e3`: expected a whole number"),
    ("?page=1000000000", "page: only the first 10000 results have pages: expected `cursor=`"),
    ("?page_size=0", "page_size: invalid value `0`: expected a number from 1 to 200"),
    ("?page_size=1000000000", "page_size: invalid value `1000000000`: expected a number from 1 to 200"),
    ("?page_size=-1", "page_size: invalid value `-1`: expected a whole number"),
    ("?page=1&cursor=", "cursor: expected either `page` or `cursor`"),
    ("?cursor=AAAA", "cursor: invalid cursor: expected that of the `next` of a page"),
    ("?name=a&name=b&page=1&page=2", "page: repeated: expected at most once"),
    ("?as_of=2024-04-09", "ids: expected 1 to 100 ids"),
    ("?ids=001&as_of=2024-04-09T20:19:25", "as_of: invalid value `2024-04-09T20:19:25`: expected a timestamp"),
    ("/count?page=1", "page: a count has no pages: expected"),
    ("/count?filter=name:is:x", "filter: unknown operator `is`: expected one of"),
    ("/{id}?as_of=2024-04-09T20:19:25", "as_of: invalid value `2024-04-09T20:19:25`: expected a timestamp"),
    ("/{id}?known_at=09.04.2024", "known_at: invalid value `09.04.2024`: expected a timestamp"),
    ("/{id}?version=0", "version: invalid value `0`: expected a number from 1"),
    ("/{id}?version=1&as_of=2024-04-09", "version: a version is a moment by itself: expected it without"),
    ("/{id}?explain=maybe", "explain: invalid value `maybe`: expected true or false"),
    ("/{id}?min_version=-1", "min_version: invalid value `-1`: expected a whole number"),
    ("/{id}?page=1", "page: unknown parameter: expected one of"),
    ("/{id}/history?page=-1", "page: invalid value `-1`: expected a whole number"),
    ("/{id}/history?page_size=0", "page_size: invalid value `0`: expected a number from 1 to 200"),
    ("/{id}/history?page_size=1000000000", "page_size: invalid value `1000000000`: expected a number from 1 to 200"),
    ("/{id}/history?cursor=AAAA", "cursor: invalid cursor: expected that of the `next` of a page"),
    ("/{id}/history?from_date=2024-04-09T20:19:25", "from_date: invalid value `2024-04-09T20:19:25`: expected"),
    ("/{id}/history?to_date=tomorrow", "to_date: invalid value `tomorrow`: expected a timestamp"),
    ("/{id}/history?order=down", "order: invalid value `down`: expected asc or desc"),
    ("/{id}/history?field=colour", "field: a client has no field `colour`: expected"),
    ("/{id}/diff", "from: missing: expected a timestamp"),
    ("/{id}/diff?from=2024-04-09T20:19:25", "from: invalid value `2024-04-09T20:19:25`: expected a timestamp"),
    ("/{id}/diff?from=version:-1", "from: invalid value `version:-1`: expected a timestamp"),
];

/// The parameters, with what stands before the injected text. All take any text, or refuse it.
const PARAMETERS: [&str; 27] = [
    "?search_term=",
    "?name=",
    "?filter=",
    "?filter=name:eq:",
    "?filter=name:in:",
    "?filter=name:contains:",
    "?filter=name:prefix:",
    "?filter=aggregate_id:eq:",
    "?filter=created_at:gt:",
    "?sort=",
    "?fields=",
    "?page=",
    "?page_size=",
    "?cursor=",
    "?include_deleted=",
    "?as_of=2024-04-09&ids=",
    "/",
    "/{id}?as_of=",
    "/{id}?version=",
    "/{id}?min_version=",
    "/{id}?explain=",
    "/{id}/history?from_date=",
    "/{id}/history?order=",
    "/{id}/history?field=",
    "/{id}/history?cursor=",
    "/{id}/diff?from=",
    "/count?search_term=",
];

/// Texts that mean something to a store.
const INJECTED: [&str; 10] = [
    "' OR 1=1 --",
    "\"; DROP TABLE events; --",
    "x') UNION SELECT data FROM events --",
    "{\"match_all\":{}}",
    "\"}},{\"match_all\":{\"a\":\"",
    "*:* OR _exists_:name",
    "../../_search?q=*",
    "#key = :key OR begins_with(pk, :pk)",
    "${jndi:ldap://127.0.0.1/a}",
    "x\u{0}\n\r\t%00\u{202e}",
];

/// Checks the responses, as status and body, to requests of an installation that has two clients:
/// the records 0 and 1 of [`change`](crate::changes::change).
///
/// # Panics
/// If a response is another one.
pub async fn check_bad_requests(get: impl AsyncFn(&str) -> (u64, Value)) {
    for (path, expected) in REFUSED {
        check_refused(&get, &of_client(path), expected).await;
    }
    check_refused(&get, &format!("/clients?name={}", "x".repeat(LONG)), "query: 60006 bytes: expected at most").await;
    let (long, expected) = (format!("/clients?cursor={}", "A".repeat(LONG)), "cursor: 60008 bytes: expected at most");
    check_refused(&get, &long, expected).await;
    check_cursors(&get).await;
    check_injections(&get).await;
    let (status, body) = get("/clients/count").await;
    assert_eq!((status, &body["count"]), (200, &Value::from(2)), "nothing is lost or added");
}

fn of_client(path: &str) -> String {
    format!("/clients{}", path.replace("{id}", &record_id(0)))
}

async fn check_refused(get: &impl AsyncFn(&str) -> (u64, Value), path: &str, expected: &str) {
    let (status, body) = get(path).await;
    let path: String = path.chars().take(200).collect();
    assert_eq!((status, &body["type"]), (400, &Value::from("/problems/invalid-request")), "{path}: {body}");
    let errors: Vec<String> = body["errors"].as_array().into_iter().flatten().map(line).collect();
    assert!(errors.iter().any(|error| error.starts_with(expected)), "{path}: {errors:?}, expected `{expected}`");
    assert!(errors.iter().all(|error| error.contains("expected") && error.len() < 1_000), "{path}: {errors:?}");
}

fn line(error: &Value) -> String {
    format!("{}: {}", error["field"].as_str().unwrap_or_default(), error["message"].as_str().unwrap_or_default())
}

/// A cursor is refused if it is of another list, or was changed.
async fn check_cursors(get: &impl AsyncFn(&str) -> (u64, Value)) {
    let history = of_client("/{id}/history");
    for (first, others) in [
        (
            "/clients?cursor=&page_size=1",
            ["/clients?sort=name&", "/clients?name=x&", "/deals?", &*format!("{history}?")],
        ),
        (
            &*format!("{history}?cursor=&page_size=1"),
            [&*format!("{history}?order=desc&"), &*format!("{history}?field=name&"), "/clients?", "/clients/count?"],
        ),
    ] {
        let (status, page) = get(first).await;
        assert_eq!(status, 200, "{first}: {page}");
        let next = page["next"].as_str().expect("there are more");
        let cursor = next.rsplit_once("cursor=").map(|(_, cursor)| cursor).expect("the walk is by cursor");
        assert_eq!(get(next).await.0, 200, "{next}");
        for other in others {
            check_refused(get, &format!("{other}cursor={cursor}"), "cursor: ").await;
        }
        let path = first.split_once('?').map_or(first, |(path, _)| path);
        let end = if cursor.ends_with('A') { 'B' } else { 'A' };
        let forged = format!("{}{end}", &cursor[..cursor.len() - 1]);
        check_refused(get, &format!("{path}?cursor={forged}"), "cursor: invalid cursor").await;
    }
}

/// An injected text is data: it is refused, or finds nothing.
async fn check_injections(get: &impl AsyncFn(&str) -> (u64, Value)) {
    for parameter in PARAMETERS {
        for injected in INJECTED {
            let encoded: String = injected.bytes().map(|byte| format!("%{byte:02X}")).collect();
            let path = of_client(&format!("{parameter}{encoded}"));
            let (status, body) = get(&path).await;
            let found = body["results"].as_array().map_or(0, Vec::len) as u64 + body["count"].as_u64().unwrap_or(0);
            assert!(matches!((status, found), (400 | 404, _) | (200, 0)), "{parameter}{injected}: {status}: {body}");
        }
    }
}
