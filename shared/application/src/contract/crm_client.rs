//! What every [`CrmClient`] must do.
//!
//! The rules write to a CRM through a [`CrmTestBed`], which a fake CRM implements.

use std::collections::BTreeMap;

use annals_domain::identity::{EntityName, ExternalId};
use annals_domain::timestamp::Timestamp;
use async_trait::async_trait;
use serde_json::{Map, Value};

use crate::ports::{CrmClient, CrmErrorKind, FetchedRecord, IdQuery, PageQuery, Quota, ReadWindow};

/// Makes a test of each rule for clients of a CRM.
#[macro_export]
macro_rules! crm_client_contract {
    ($make:path) => {
        $crate::contract_tests!(
            $make,
            $crate::contract::crm_client,
            [
                a_description_has_the_fields_that_can_be_read,
                a_full_window_has_each_record_once_in_pages_of_any_size,
                a_window_since_has_equal_stamps_and_deletions,
                a_record_that_is_modified_after_the_cutoff_leaves_the_window,
                a_page_can_be_read_again_from_its_cursor,
                ids_and_counts_agree_with_the_pages,
                records_have_every_field_that_is_asked_for_and_texts_stay_texts,
                a_lookup_tells_deleted_from_absent,
                only_live_records_are_alive,
                what_does_not_exist_is_named,
                a_used_up_quota_is_an_error_of_its_own,
            ]
        );
    };
}

/// A CRM that tests write to. Its object [`OBJECT`] has the text fields `Name` and `Description` and the calculated field
/// `Score__c`, and at first no record.
#[async_trait]
pub trait CrmTestBed: Send + Sync {
    fn client(&self) -> &dyn CrmClient;
    /// Creates or updates a record now.
    async fn put(&self, id: &ExternalId, fields: Map<String, Value>);
    /// Moves a record to the recycle bin.
    async fn delete(&self, id: &ExternalId);
    /// Deletes a record for good.
    async fn purge(&self, id: &ExternalId);
    /// Hides a field from the client.
    async fn hide(&self, field: &str);
    /// Moves the CRM's clock forward.
    async fn advance(&self, millis: i64);
    /// The CRM's time.
    async fn now(&self) -> Timestamp;
    /// Uses up the calls of the day.
    async fn use_up_calls(&self);
}

/// The object of a [`CrmTestBed`].
pub const OBJECT: &str = "Account";

fn object() -> EntityName {
    EntityName::new(OBJECT)
}

/// The id of a record, in canonical form.
pub fn id(number: usize) -> ExternalId {
    ExternalId::new(format!("001{number:012}AAA"))
}

fn named(name: &str) -> Map<String, Value> {
    Map::from_iter([("Name".to_owned(), name.into())])
}

fn fields() -> Vec<String> {
    ["Name", "Description", "Score__c"].map(str::to_owned).to_vec()
}

/// Records 1 to `count`, one a second, the last ten seconds ago.
async fn seed(bed: &impl CrmTestBed, count: usize) {
    for number in 1..=count {
        bed.put(&id(number), named(&format!("name {number}"))).await;
        bed.advance(1_000).await;
    }
    bed.advance(10_000).await;
}

async fn full(bed: &impl CrmTestBed) -> ReadWindow {
    ReadWindow::Full { until: bed.now().await }
}

fn query(window: ReadWindow, after: Option<String>, page_size: u32) -> PageQuery {
    PageQuery { object: object(), fields: fields(), window, after, page_size, expected: None }
}

/// All records of a window, in the order in which they were read.
async fn read(bed: &impl CrmTestBed, window: ReadWindow, page_size: u32) -> Vec<FetchedRecord> {
    let (mut records, mut after) = (Vec::new(), None);
    loop {
        let page = bed.client().page(&query(window, after, page_size)).await.expect("the CRM answers");
        records.extend(page.records);
        after = page.next;
        if after.is_none() {
            return records;
        }
    }
}

fn ids_of(records: &[FetchedRecord]) -> Vec<ExternalId> {
    let mut ids: Vec<_> = records.iter().map(|record| record.id.clone()).collect();
    ids.sort();
    ids
}

fn json(record: &FetchedRecord) -> Map<String, Value> {
    serde_json::from_str(&record.record).expect("a record is a JSON object")
}

pub async fn a_description_has_the_fields_that_can_be_read(bed: &impl CrmTestBed) {
    let described = bed.client().describe(&object()).await.expect("the CRM answers");
    let calculated = |name: &str| described.field(name).map(|field| field.is_calculated);
    assert_eq!([calculated("Name"), calculated("Score__c"), calculated("Nothing__c")], [Some(false), Some(true), None]);
    let now = bed.now().await;
    assert!((now.plus_millis(-2_000)..=now).contains(&described.described_at), "{}", described.described_at);
    bed.hide("Name").await;
    let described = bed.client().describe(&object()).await.expect("the CRM answers");
    assert_eq!(described.field("Name"), None, "a hidden field is not there");
}

pub async fn a_full_window_has_each_record_once_in_pages_of_any_size(bed: &impl CrmTestBed) {
    seed(bed, 7).await;
    bed.delete(&id(3)).await;
    bed.advance(10_000).await;
    let expected: Vec<_> = [1, 2, 4, 5, 6, 7].map(id).to_vec();
    for page_size in [1, 2, 3, 6, 7, 2_000] {
        assert_eq!(ids_of(&read(bed, full(bed).await, page_size).await), expected, "pages of {page_size}");
    }
}

/// Rule 3 of reading CRMs: records of one stamp are not dropped between two pages.
pub async fn a_window_since_has_equal_stamps_and_deletions(bed: &impl CrmTestBed) {
    seed(bed, 3).await;
    // Stamps may be whole seconds.
    let from = bed.now().await.plus_millis(-2_000);
    for number in [9, 2, 8, 7, 6] {
        bed.put(&id(number), named("at one moment")).await;
    }
    bed.delete(&id(1)).await;
    bed.advance(10_000).await;
    let until = bed.now().await;
    for page_size in [1, 2, 5, 2_000] {
        let records = read(bed, ReadWindow::Since { from, until }, page_size).await;
        assert_eq!(ids_of(&records), [1, 2, 6, 7, 8, 9].map(id), "pages of {page_size}");
        let deleted: Vec<_> = records.iter().filter(|record| json(record)["IsDeleted"] == true).collect();
        assert_eq!(deleted.iter().map(|record| &record.id).collect::<Vec<_>>(), [&id(1)]);
    }
}

/// Rule 1 of reading CRMs: a full window has a fixed end.
pub async fn a_record_that_is_modified_after_the_cutoff_leaves_the_window(bed: &impl CrmTestBed) {
    seed(bed, 3).await;
    let window = full(bed).await;
    bed.advance(5_000).await;
    bed.put(&id(2), named("later")).await;
    bed.put(&id(4), named("later")).await;
    assert_eq!(ids_of(&read(bed, window, 2).await), [1, 3].map(id));
}

pub async fn a_page_can_be_read_again_from_its_cursor(bed: &impl CrmTestBed) {
    seed(bed, 5).await;
    let window = full(bed).await;
    let first = bed.client().page(&query(window, None, 2)).await.expect("the CRM answers");
    let mut pages = Vec::new();
    for _ in 0..2 {
        let page = bed.client().page(&query(window, first.next.clone(), 2)).await.expect("the CRM answers");
        pages.push(page.records);
    }
    assert_eq!(pages[0], pages[1]);
    assert!(ids_of(&pages[0]).iter().all(|id| !ids_of(&first.records).contains(id)));
}

pub async fn ids_and_counts_agree_with_the_pages(bed: &impl CrmTestBed) {
    seed(bed, 6).await;
    bed.delete(&id(2)).await;
    bed.advance(10_000).await;
    let until = bed.now().await;
    let from = until.plus_millis(-60_000);
    for window in [ReadWindow::Full { until }, ReadWindow::Since { from, until }] {
        let expected = ids_of(&read(bed, window, 4).await);
        let count = bed.client().count(&object(), window).await.expect("the CRM answers");
        assert_eq!(count, expected.len() as u64, "{window:?}");
        let (mut ids, mut after) = (Vec::new(), None);
        loop {
            let query = IdQuery { object: object(), window, after };
            let page = bed.client().ids(&query).await.expect("the CRM answers");
            ids.extend(page.ids);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        ids.sort();
        assert_eq!(ids, expected, "{window:?}");
    }
}

/// Rule 8 of reading CRMs: what looks like a missing value or a number is a text.
pub async fn records_have_every_field_that_is_asked_for_and_texts_stay_texts(bed: &impl CrmTestBed) {
    let texts = ["NA", "None", "01234", "1.0", "null", "true", "a\r\n\"b\", c\u{e9}", " x "];
    for (number, text) in texts.iter().enumerate() {
        bed.put(&id(number + 1), named(text)).await;
    }
    bed.advance(10_000).await;
    let records = read(bed, full(bed).await, 3).await;
    let names: BTreeMap<_, _> =
        records.iter().map(|record| (record.id.clone(), json(record)["Name"].clone())).collect();
    for (number, text) in texts.iter().enumerate() {
        assert_eq!(names[&id(number + 1)], Value::from(*text));
    }
    let first = json(&records[0]);
    assert_eq!(first.get("Description"), Some(&Value::Null), "a field without a value is null");
    assert!(first.contains_key("SystemModstamp") && first["IsDeleted"] == false, "{first:?}");
}

pub async fn a_lookup_tells_deleted_from_absent(bed: &impl CrmTestBed) {
    seed(bed, 3).await;
    bed.delete(&id(2)).await;
    bed.delete(&id(3)).await;
    bed.purge(&id(3)).await;
    bed.advance(10_000).await;
    let ids = [1, 2, 3, 4].map(id);
    let lookup = bed.client().records(&object(), &fields(), &ids).await.expect("the CRM answers");
    let mut found: Vec<_> =
        lookup.found.iter().map(|record| (record.id.clone(), json(record)["IsDeleted"] == true)).collect();
    found.sort();
    assert_eq!(found, [(id(1), false), (id(2), true)]);
    let mut absent = lookup.absent;
    absent.sort();
    assert_eq!(absent, [3, 4].map(id));
    let now = bed.now().await;
    assert!((now.plus_millis(-2_000)..=now).contains(&lookup.fetched_at), "{}", lookup.fetched_at);
}

pub async fn only_live_records_are_alive(bed: &impl CrmTestBed) {
    seed(bed, 3).await;
    bed.delete(&id(2)).await;
    bed.advance(10_000).await;
    let mut alive = bed.client().alive(&object(), &[4, 3, 2, 1].map(id)).await.expect("the CRM answers");
    alive.sort();
    assert_eq!(alive, [1, 3].map(id));
}

pub async fn what_does_not_exist_is_named(bed: &impl CrmTestBed) {
    seed(bed, 1).await;
    let window = full(bed).await;
    let wrong = PageQuery { fields: vec!["Name".to_owned(), "Nothing__c".to_owned()], ..query(window, None, 2) };
    let error = bed.client().page(&wrong).await.expect_err("no such field");
    assert_eq!(error.kind, CrmErrorKind::FieldsMissing(vec!["Nothing__c".to_owned()]), "{error}");
    let error = bed.client().describe(&EntityName::new("Nothing__c")).await.expect_err("no such object");
    assert_eq!(error.kind, CrmErrorKind::ObjectMissing, "{error}");
}

pub async fn a_used_up_quota_is_an_error_of_its_own(bed: &impl CrmTestBed) {
    seed(bed, 1).await;
    let window = full(bed).await;
    bed.client().page(&query(window, None, 2)).await.expect("the CRM answers");
    let usage = bed.client().usage().await.expect("the CRM has said it");
    let calls = usage.iter().find(|usage| usage.quota == Quota::ApiCalls).expect("every CRM counts calls");
    assert!(calls.used >= 1 && calls.limit > calls.used, "{calls:?}");
    bed.use_up_calls().await;
    let error = bed.client().page(&query(window, None, 2)).await.expect_err("no call is left");
    assert!(matches!(error.kind, CrmErrorKind::QuotaExhausted { quota: Quota::ApiCalls, .. }), "{error}");
}
