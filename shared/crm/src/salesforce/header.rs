//! The change event header, strict.
//!
//! Promises every reason why a header is malformed, each with its field, what is there and what
//! would fit; what is odd without being malformed is a warning and counts as missing. Does not
//! look at the body.

mod fields;

use annals_domain::identity::ExternalId;
use annals_domain::timestamp::Timestamp;
use annals_domain::validation_issue::ValidationIssue;

use self::fields::Fields;
use super::change_type::ChangeType;
use super::envelope::HEADER;
use annals_json::{Json, Object};

/// Which records a change is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Records {
    /// Those, each once.
    Each(Vec<ExternalId>),
    /// All of the object, and why.
    All(String),
}

/// A header that checked out.
#[derive(Debug)]
pub(super) struct Header<'a> {
    pub(super) object: &'a str,
    pub(super) change_type: ChangeType,
    pub(super) records: Records,
    pub(super) committed_at: Timestamp,
    pub(super) commit_number: Option<i64>,
    pub(super) sequence_number: Option<i64>,
    pub(super) transaction_key: Option<&'a str>,
    pub(super) user: Option<&'a str>,
    pub(super) origin: Option<&'a str>,
    /// `changedFields`, where it is there.
    pub(super) changed: Option<Vec<&'a str>>,
    /// `nulledFields`, where it is there.
    pub(super) nulled: Option<Vec<&'a str>>,
    /// `diffFields`; none where it is missing.
    pub(super) diffs: Vec<&'a str>,
    /// Whether it has a field that only the Pub/Sub form has.
    pub(super) has_pubsub_fields: bool,
    pub(super) warnings: Vec<ValidationIssue>,
}

/// Reads a header, or finds all that is wrong with it.
pub(super) fn read<'a>(header: &'a Json<'_>) -> Result<Header<'a>, Vec<ValidationIssue>> {
    let Json::Object(map) = header else {
        let message = format!("`{}` does not fit; an object would", fields::shown(header));
        return Err(vec![ValidationIssue::new(HEADER, message)]);
    };
    read_fields(map)
}

fn read_fields<'a>(map: &'a Object<'_>) -> Result<Header<'a>, Vec<ValidationIssue>> {
    let mut fields = Fields::of(map);
    let object = fields.entity_name();
    let change_type = fields.change_type();
    let records = fields.records(change_type);
    let committed_at = fields.commit_timestamp();
    let commit_number = fields.integer("commitNumber");
    let sequence_number = fields.integer("sequenceNumber");
    let changed = fields.changed_fields();
    let transaction_key = fields.text("transactionKey").filter(|key| !key.is_empty());
    if transaction_key.is_none() {
        fields.warn_of_missing("transactionKey");
    }
    let user = fields.text("commitUser").filter(|user| !user.is_empty());
    let origin = fields.text("changeOrigin").filter(|origin| !origin.is_empty());
    let nulled = fields.optional_names("nulledFields");
    let diffs = fields.optional_names("diffFields").unwrap_or_default();
    let has_pubsub_fields = map.contains_key("nulledFields") || map.contains_key("diffFields");
    match (object, change_type, records, committed_at) {
        (Some(object), Some(change_type), Some(records), Some(committed_at)) if fields.errors.is_empty() => {
            Ok(Header {
                object,
                change_type,
                records,
                committed_at,
                commit_number,
                sequence_number,
                transaction_key,
                user,
                origin,
                changed,
                nulled,
                diffs,
                has_pubsub_fields,
                warnings: fields.warnings,
            })
        }
        _ => Err(fields.errors),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use annals_json as json;

    /// What is wanted of the header that a value reads as.
    #[track_caller]
    fn of<T>(header: &Value, wanted: impl FnOnce(Header<'_>) -> T) -> T {
        let text = header.to_string();
        wanted(read(&json::read(&text).expect("JSON")).expect("a header"))
    }

    #[track_caller]
    fn errors(header: &Value) -> Vec<ValidationIssue> {
        read(&json::read(&header.to_string()).expect("JSON")).expect_err("malformed")
    }

    fn valid() -> Value {
        json!({
            "entityName": "Account", "recordIds": ["0014H00002LbR7QQAV"], "changeType": "UPDATE",
            "commitTimestamp": 1_696_444_513_000_i64, "commitNumber": 1_778_192_987_716_501_506_i64, "sequenceNumber": 1,
            "transactionKey": "t", "commitUser": "005", "changeOrigin": "", "changedFields": ["Name"],
        })
    }

    fn with(field: &str, value: Value) -> Value {
        let mut header = valid();
        header[field] = value;
        header
    }

    fn without(field: &str) -> Value {
        let mut header = valid();
        header.as_object_mut().unwrap().remove(field);
        header
    }

    fn lines(issues: &[ValidationIssue]) -> Vec<String> {
        issues.iter().map(ValidationIssue::to_string).collect()
    }

    #[track_caller]
    fn malformed(header: &Value, expected: &[&str]) {
        assert_eq!(lines(&errors(header)), expected, "{header}");
    }

    #[track_caller]
    fn warned(header: &Value, expected: &[&str]) {
        assert_eq!(lines(&of(header, |header| header.warnings)), expected, "{header}");
    }

    #[test]
    fn a_valid_header_reads_exactly() {
        of(&valid(), |read| {
            assert_eq!((read.object, read.change_type), ("Account", ChangeType::Update));
            assert_eq!(read.records, Records::Each(vec![ExternalId::new("0014H00002LbR7QQAV")]));
            assert_eq!(read.commit_number, Some(1_778_192_987_716_501_506));
            assert_eq!((read.user, read.origin), (Some("005"), None));
            assert_eq!(read.changed, Some(vec!["Name"]));
            assert_eq!(read.warnings, []);
        });
    }

    #[test]
    fn only_an_object_is_a_header() {
        malformed(&json!(null), &["ChangeEventHeader: `null` does not fit; an object would"]);
        malformed(&json!("x"), &["ChangeEventHeader: `\"x\"` does not fit; an object would"]);
    }

    #[test]
    fn the_entity_name_is_an_api_name() {
        let fits = "an object's API name such as Account";
        malformed(&without("entityName"), &[&format!("ChangeEventHeader.entityName: missing; {fits} would fit")]);
        for (name, shown) in [
            (json!(""), "\"\""),
            (json!("1A"), "\"1A\""),
            (json!("A-b"), "\"A-b\""),
            (json!("É"), "\"É\""),
            (json!(7), "7"),
        ] {
            malformed(
                &with("entityName", name),
                &[&format!("ChangeEventHeader.entityName: `{shown}` does not fit; {fits} would")],
            );
        }
    }

    #[test]
    fn the_entity_name_has_120_characters_at_most() {
        let longest = "A".repeat(120);
        assert_eq!(of(&with("entityName", json!(longest)), |header| header.object.to_owned()), longest);
        for length in [121, 1_000] {
            malformed(
                &with("entityName", json!("A".repeat(length))),
                &[&format!(
                    "ChangeEventHeader.entityName: has {length} characters; an object's API name has 120 at most"
                )],
            );
        }
    }

    #[test]
    fn record_ids_are_a_list_of_at_least_one_id() {
        let list = "a list of at least one id";
        malformed(&without("recordIds"), &[&format!("ChangeEventHeader.recordIds: missing; {list} would fit")]);
        for value in [json!([]), json!(null), json!("0014H00002LbR7QQAV"), json!({})] {
            let expected = format!("ChangeEventHeader.recordIds: `{value}` does not fit; {list} would");
            malformed(&with("recordIds", value), &[&expected]);
        }
        malformed(
            &with("recordIds", json!(["0014H00002LbR7QQAV", "<record_ID>", 5])),
            &[
                "ChangeEventHeader.recordIds[1]: `\"<record_ID>\"` does not fit; an id of 15 or 18 letters and digits would",
                "ChangeEventHeader.recordIds[2]: `5` does not fit; an id of 15 or 18 letters and digits would",
            ],
        );
    }

    #[test]
    fn a_long_list_of_bad_ids_is_not_reported_one_by_one() {
        let errors = errors(&with("recordIds", json!(vec!["x"; 5000])));
        assert_eq!(errors.len(), 21);
        assert_eq!(errors[20].to_string(), "ChangeEventHeader.recordIds: 4980 more entries do not fit");
    }

    #[test]
    fn fifteen_and_eighteen_characters_are_one_id_and_count_once() {
        let header = with("recordIds", json!(["0014H00002LbR7Q", "0014H00002LbR7QQAV", "001B000000kNbqhIAC"]));
        let ids = ["0014H00002LbR7QQAV", "001B000000kNbqhIAC"].map(ExternalId::new);
        assert_eq!(of(&header, |header| header.records), Records::Each(ids.to_vec()));
    }

    #[test]
    fn a_wildcard_or_an_overflow_is_of_all_records() {
        for ids in [json!(["001*"]), json!(["0014H00002LbR7QQAV", "001*"])] {
            let header = with("recordIds", ids);
            assert!(matches!(of(&header, |header| header.records), Records::All(why) if why.contains("`001*`")));
        }
        let mut overflow = with("changeType", json!("GAP_OVERFLOW"));
        overflow["recordIds"] = json!(["000000000000000AAA"]);
        assert!(matches!(of(&overflow, |header| header.records), Records::All(why) if why.contains("GAP_OVERFLOW")));
        malformed(
            &with("recordIds", json!(["001*", "x"])),
            &["ChangeEventHeader.recordIds[1]: `\"x\"` does not fit; an id of 15 or 18 letters and digits would"],
        );
    }

    #[test]
    fn the_empty_id_is_of_overflows_only() {
        for empty in ["000000000000000AAA", "000000000000000"] {
            let expected = format!(
                "ChangeEventHeader.recordIds[0]: `\"{empty}\"` does not fit; a record's own id would (only GAP_OVERFLOW has the empty one)"
            );
            malformed(&with("recordIds", json!([empty])), &[&expected]);
        }
    }

    #[test]
    fn the_change_type_is_a_documented_one() {
        let fits = "CREATE, UPDATE, DELETE, UNDELETE, GAP_CREATE, GAP_UPDATE, GAP_DELETE, GAP_UNDELETE or GAP_OVERFLOW";
        malformed(&without("changeType"), &[&format!("ChangeEventHeader.changeType: missing; {fits} would fit")]);
        malformed(
            &with("changeType", json!("SNAPSHOT")),
            &[&format!("ChangeEventHeader.changeType: `\"SNAPSHOT\"` does not fit; {fits} would")],
        );
        malformed(
            &with("changeType", json!(null)),
            &[&format!("ChangeEventHeader.changeType: `null` does not fit; {fits} would")],
        );
    }

    #[test]
    fn the_commit_timestamp_is_a_positive_timestamp_before_the_year_10000() {
        let fits = "a positive number of milliseconds before the year 10000";
        malformed(
            &without("commitTimestamp"),
            &[&format!("ChangeEventHeader.commitTimestamp: missing; {fits} would fit")],
        );
        for value in
            [json!(0), json!(-1), json!(253_402_300_800_000_i64), json!("1696444513000"), json!(1.5), json!(null)]
        {
            let expected = format!("ChangeEventHeader.commitTimestamp: `{value}` does not fit; {fits} would");
            malformed(&with("commitTimestamp", value), &[&expected]);
        }
    }

    #[test]
    fn commit_and_sequence_number_are_integers_where_they_are_there() {
        for field in ["commitNumber", "sequenceNumber"] {
            for value in [json!(null), json!("1"), json!(1.5), json!(true), json!([1]), json!(u64::MAX)] {
                let expected =
                    format!("ChangeEventHeader.{field}: `{value}` does not fit; an integer of 64 bits would");
                malformed(&with(field, value), &[&expected]);
            }
            warned(
                &without(field),
                &[&format!("ChangeEventHeader.{field}: missing; the change is taken with what it has")],
            );
            warned(&with(field, json!(1.0)), &[]);
        }
    }

    #[test]
    fn changed_fields_are_a_list_of_texts_where_they_are_there() {
        for value in [json!(null), json!("Name"), json!({})] {
            let expected =
                format!("ChangeEventHeader.changedFields: `{value}` does not fit; a list of field names would");
            malformed(&with("changedFields", value), &[&expected]);
        }
        malformed(
            &with("changedFields", json!(["Name", 1])),
            &["ChangeEventHeader.changedFields[1]: `1` does not fit; a field name would"],
        );
        assert!(of(&without("changedFields"), |header| header.changed.is_none()));
    }

    #[test]
    fn every_error_is_told_at_once() {
        let fields = |header: &Value| errors(header).into_iter().map(|e| e.field).collect::<Vec<_>>();
        assert_eq!(
            fields(&json!({"commitNumber": null, "changedFields": 1})),
            ["entityName", "changeType", "recordIds", "commitTimestamp", "commitNumber", "changedFields"]
                .map(|field| format!("ChangeEventHeader.{field}"))
        );
    }

    #[test]
    fn what_else_is_odd_is_a_warning_and_counts_as_missing() {
        warned(
            &without("transactionKey"),
            &["ChangeEventHeader.transactionKey: missing; the change is taken with what it has"],
        );
        warned(
            &with("transactionKey", json!("")),
            &["ChangeEventHeader.transactionKey: missing; the change is taken with what it has"],
        );
        warned(
            &with("commitUser", json!(5)),
            &["ChangeEventHeader.commitUser: `5` does not fit and is passed over; a text would"],
        );
        warned(
            &with("nulledFields", json!("x")),
            &["ChangeEventHeader.nulledFields: `\"x\"` does not fit and is passed over; a list of field names would"],
        );
        warned(
            &with("diffFields", json!([1])),
            &["ChangeEventHeader.diffFields: `[1]` does not fit and is passed over; a list of field names would"],
        );
        warned(
            &with("transactionKey", json!(1)),
            &[
                "ChangeEventHeader.transactionKey: `1` does not fit and is passed over; a text would",
                "ChangeEventHeader.transactionKey: missing; the change is taken with what it has",
            ],
        );
        warned(&with("isTransactionEnd", json!(true)), &[]);
    }
}
