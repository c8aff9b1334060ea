//! Pages that end at a number of bytes.

use annals_application::queries::{EntityQueries, HistoryRequest, Page, PageLink, QueryError};
use annals_tests::crm::Account;
use annals_tests::process::TestProcess;
use annals_tests::random::Random;

const EVENTS: u64 = 60;

/// The versions on each page of a history, from the first page to the last.
async fn walk(queries: &EntityQueries, id: &str, mut request: HistoryRequest) -> Result<Vec<Vec<u64>>, QueryError> {
    let mut pages = Vec::new();
    loop {
        let Page { results, next, .. } = queries.history("clients", id, &request).await?;
        pages.push(results.iter().map(|event| event.version.get()).collect());
        match next {
            None => return Ok(pages),
            Some(PageLink::Number(page)) => request.page = Some(page),
            Some(PageLink::Cursor(cursor)) => (request.page, request.cursor) = (None, Some(cursor)),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_has_each_event_once_whatever_ends_its_pages() {
    let test = TestProcess::new().await;
    let (mut random, id) = (Random::new(3), "001000000000001AAA");
    let mut account = Account::new(id);
    let mut deliveries = vec![account.create(&mut random)];
    deliveries.extend((1..EVENTS).map(|_| account.update(&mut random)));
    test.deliver(deliveries).await;
    let all: Vec<u64> = (1..=EVENTS).collect();
    let dated = HistoryRequest { from_date: "1990-01-01T00:00:00Z".parse().ok(), ..HistoryRequest::default() };
    let mut lengths = Vec::new();
    for max_bytes in [3_000, 10_000, usize::MAX] {
        let queries = test.process.queries.clone().with_page_bytes(max_bytes);
        for request in [HistoryRequest::default(), dated.clone()] {
            for (cursor, page_size) in [(None, 20), (Some(String::new()), 7), (None, 200)] {
                let request = HistoryRequest { cursor, page_size: Some(page_size), ..request.clone() };
                let pages = walk(&queries, id, request.clone()).await.expect("every event fits");
                assert_eq!(pages.concat(), all, "{max_bytes} bytes, {request:?}");
                lengths.push(pages[0].len());
            }
        }
    }
    assert!(lengths[..6].iter().all(|length| *length < 7), "3,000 bytes end a page early: {lengths:?}");
    assert_eq!(lengths[12..], [20, 7, 60, 20, 7, 60]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_exceeds_a_page_is_named_with_its_size() {
    let test = TestProcess::new().await;
    let (mut random, id) = (Random::new(3), "001000000000001AAA");
    let mut account = Account::new(id);
    test.deliver([account.create(&mut random)]).await;
    let queries = test.process.queries.clone().with_page_bytes(100);
    for (raw, remedy) in [(false, "read it with"), (true, "request it without `raw=true`")] {
        let request = HistoryRequest { raw, ..HistoryRequest::default() };
        match queries.history("clients", id, &request).await {
            Err(QueryError::TooLarge { what, bytes, remedy: found }) => {
                assert!(what == "the event of version 1" && bytes > 100 && found.starts_with(remedy), "{found}");
            }
            other => panic!("{other:?}"),
        }
    }
}
