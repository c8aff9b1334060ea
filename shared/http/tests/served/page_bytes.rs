//! Answers of at most 4 MiB: a page ends early, and its `next` leads on.

use serde_json::{Value, json};

use crate::installation::{Installation, change, record};

const MAX_ANSWER: usize = 4 * 1024 * 1024;

/// Follows `next` from a path to the end. Returns the pages, each at most as large as an answer may be.
async fn walk(annals: &Installation, path: &str) -> Vec<Value> {
    let (mut pages, mut next) = (Vec::new(), Some(path.to_owned()));
    while let Some(path) = next {
        let page = annals.get(&path).await;
        assert_eq!(page.status, 200, "{path}: {}", page.body);
        let size = page.body.to_string().len();
        assert!(size <= MAX_ANSWER, "{path}: {size}");
        next = page.body["next"].as_str().map(str::to_owned);
        pages.push(page.body);
    }
    pages
}

/// A member of all results of some pages.
fn each(pages: &[Value], member: &str) -> Vec<Value> {
    pages.iter().flat_map(|page| page["results"].as_array().unwrap().iter().map(|one| one[member].clone())).collect()
}

#[tokio::test]
async fn a_history_page_ends_before_4_mib_and_next_continues_it() {
    let annals = Installation::new().await;
    for second in 1..=7 {
        let kind = if second == 1 { "CREATE" } else { "UPDATE" };
        let text = second.to_string().repeat(600_000);
        annals.ingest(&[change("Account", kind, 1, second, json!({"Name": "A", "Description": text}))]).await;
    }
    let path = format!("/clients/{}/history", record(1));
    let pages = walk(&annals, &format!("{path}?raw=true")).await;
    assert_eq!(each(&pages, "version"), (1..=7).map(|version| json!(version)).collect::<Vec<_>>());
    assert!(pages.len() == 4 && pages[0]["results"].as_array().unwrap().len() > 1, "{} pages", pages.len());
    assert!(pages.iter().all(|page| page["count"] == 7));
    assert!(pages[1..].iter().all(|page| page["previous"] == Value::Null), "a page by cursor has no previous");

    // The number of events ends a page, too, and a walk by cursor goes on by cursor.
    let pages = walk(&annals, &format!("{path}?cursor=&page_size=2")).await;
    let sizes: Vec<_> = pages.iter().map(|page| page["results"].as_array().unwrap().len()).collect();
    assert_eq!((each(&pages, "version").len(), sizes), (7, vec![2, 2, 2, 1]));
}

#[tokio::test]
async fn a_history_cursor_belongs_to_one_history() {
    let annals = Installation::new().await;
    let created = |number| change("Account", "CREATE", number, 1, json!({"Name": "A"}));
    let renamed = |number| change("Account", "UPDATE", number, 2, json!({"Name": "B"}));
    annals.ingest(&[created(1), renamed(1), created(2), renamed(2)]).await;
    let [one, two] = [1, 2].map(|number| format!("/clients/{}/history", record(number)));
    let first = annals.get(&format!("{one}?cursor=&page_size=1")).await;
    let next = first.body["next"].as_str().unwrap();
    let cursor = next.rsplit_once("cursor=").unwrap().1;
    assert_eq!(annals.get(next).await.each("version"), ["2"]);
    for (path, expected) in [
        (format!("{two}?cursor={cursor}"), "cursor: cursor of another list"),
        (format!("{one}?cursor={cursor}&to_date=2030-01-01"), "cursor: cursor of another list"),
        (format!("{one}?cursor={}", &cursor[1..]), "cursor: invalid cursor"),
        (format!("{one}?cursor={cursor}&page=1"), "cursor: expected either `page` or `cursor`"),
        (format!("{one}?cursor={cursor}&cursor={cursor}"), "cursor: repeated"),
    ] {
        let refused = annals.get(&path).await;
        let detail = refused.body["detail"].as_str().unwrap();
        assert!(refused.status == 400 && detail.starts_with(expected), "{path}: {}", refused.body);
    }
}

#[tokio::test]
async fn a_list_page_ends_before_4_mib_and_next_continues_it() {
    let annals = Installation::new().await;
    for number in 1..=9 {
        let text = number.to_string().repeat(900_000);
        annals.ingest(&[change("Account", "CREATE", number, number, json!({"Name": "A", "Description": text}))]).await;
    }
    let expected: Vec<_> = (1..=9).rev().map(|number| json!(record(number))).collect();
    for (query, lengths) in [("", vec![4, 4, 1]), ("?cursor=", vec![4, 4, 1]), ("?page_size=3", vec![3, 3, 3])] {
        let pages = walk(&annals, &format!("/clients{query}")).await;
        assert_eq!(each(&pages, "id"), expected, "{query}");
        let found: Vec<_> = pages.iter().map(|page| page["results"].as_array().unwrap().len()).collect();
        assert_eq!(found, lengths, "{query}");
        assert!(pages.iter().all(|page| page["count"] == 9));
    }
    let selected = annals.get("/clients?fields=id,version&filter=name:prefix:a&sort=-id").await;
    let first = json!({"id": record(9), "version": 1});
    assert_eq!((&selected.body["results"][0], &selected.body["next"]), (&first, &Value::Null));
}

#[tokio::test]
async fn an_entity_larger_than_an_answer_is_a_problem_that_names_its_size() {
    let annals = Installation::new().await;
    annals.ingest(&[change("Account", "CREATE", 1, 1, json!({"Name": "A"}))]).await;
    let fields = ["Name", "Description", "Account_Status__c", "BillingCountry", "CurrencyIsoCode"];
    for (second, field) in (2..).zip(fields) {
        annals.ingest(&[change("Account", "UPDATE", 1, second, json!({field: "x".repeat(1_000_000)}))]).await;
    }
    let id = record(1);
    for path in [format!("/clients/{id}"), "/clients".to_owned(), "/clients?cursor=".to_owned()] {
        let refused = annals.get(&path).await;
        assert_eq!((refused.status, &refused.body["type"]), (422, &json!("/problems/result-too-large")), "{path}");
        let detail = refused.body["detail"].as_str().unwrap();
        assert!(detail.contains(" bytes, more than the 3997696 of a page") && detail.contains("`fields`"), "{detail}");
    }
    let path = format!("/clients?filter=id:eq:{id}&fields=id,version,is_deleted");
    let selected = annals.get(&path).await;
    assert_eq!(selected.body["results"], json!([{"id": id, "version": 6, "is_deleted": false}]));
    assert_eq!(annals.get(&format!("/clients/{id}/history?page_size=2")).await.status, 200);
}
