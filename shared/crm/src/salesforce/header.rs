//! The header of a change event, checked.
//!
//! An invalid header is rejected with every error at once: the field, the value and what was expected. An unusual value
//! gives a warning and counts as missing. The body is not read here.

use annals_domain::identity::ExternalId;
use annals_domain::timestamp::Timestamp;
use annals_domain::validation_issue::ValidationIssue;

use super::change_type::ChangeType;
use super::envelope::HEADER;
use super::header_fields::{AffectedRecords, HeaderFields, invalid};
use annals_json::{Json, Object};

#[derive(Debug)]
pub(super) struct ChangeEventHeader<'a> {
    pub(super) object: &'a str,
    pub(super) change_type: ChangeType,
    pub(super) records: AffectedRecords,
    pub(super) committed_at: Timestamp,
    pub(super) commit_number: Option<i64>,
    pub(super) sequence_number: Option<i64>,
    pub(super) transaction_key: Option<&'a str>,
    pub(super) user: Option<&'a str>,
    pub(super) origin: Option<&'a str>,
    pub(super) changed: Option<Vec<&'a str>>,
    pub(super) nulled: Option<Vec<&'a str>>,
    /// `diffFields`; empty if missing.
    pub(super) diffs: Vec<&'a str>,
    /// Whether it has a field that only the Pub/Sub form has.
    pub(super) has_pubsub_fields: bool,
    pub(super) warnings: Vec<ValidationIssue>,
}

/// Parses a header. Fails with every error.
pub(super) fn read<'a>(header: &'a Json<'_>) -> Result<ChangeEventHeader<'a>, Vec<ValidationIssue>> {
    let Json::Object(map) = header else { return Err(vec![not_an_object(header)]) };
    read_fields(map, HeaderFields::records)
}

/// Parses the header of a stored event, for one of its records. The ids were checked on arrival.
pub(super) fn reread<'a>(header: &'a Json<'_>, id: &ExternalId) -> Result<ChangeEventHeader<'a>, Vec<ValidationIssue>> {
    let Json::Object(map) = header else { return Err(vec![not_an_object(header)]) };
    read_fields(map, |fields, _| fields.stored_record(id))
}

fn not_an_object(header: &Json<'_>) -> ValidationIssue {
    ValidationIssue::new(HEADER, invalid(header, "an object"))
}

fn read_fields<'a>(
    map: &'a Object<'_>,
    read_records: impl FnOnce(&mut HeaderFields<'a>, Option<ChangeType>) -> Option<AffectedRecords>,
) -> Result<ChangeEventHeader<'a>, Vec<ValidationIssue>> {
    let mut fields = HeaderFields::of(map);
    let object = fields.entity_name();
    let change_type = fields.change_type();
    let records = read_records(&mut fields, change_type);
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
    let has_pubsub_fields = fields.get("nulledFields").or_else(|| fields.get("diffFields")).is_some();
    let (errors, warnings) = fields.into_issues();
    match (object, change_type, records, committed_at) {
        (Some(object), Some(change_type), Some(records), Some(committed_at)) if errors.is_empty() => {
            Ok(ChangeEventHeader {
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
                warnings,
            })
        }
        _ => Err(errors),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use annals_json as json;

    /// Applies `wanted` to the header of a valid value.
    #[track_caller]
    fn of<T>(header: &Value, wanted: impl FnOnce(ChangeEventHeader<'_>) -> T) -> T {
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
            assert_eq!(read.records, AffectedRecords::Each(vec![ExternalId::new("0014H00002LbR7QQAV")]));
            assert_eq!(read.commit_number, Some(1_778_192_987_716_501_506));
            assert_eq!((read.user, read.origin), (Some("005"), None));
            assert_eq!(read.changed, Some(vec!["Name"]));
            assert_eq!(read.warnings, []);
        });
    }

    #[test]
    fn only_an_object_is_a_header() {
        malformed(&json!(null), &["ChangeEventHeader: invalid value `null`: expected an object"]);
        malformed(&json!("x"), &["ChangeEventHeader: invalid value `\"x\"`: expected an object"]);
    }

    #[test]
    fn the_entity_name_is_an_api_name() {
        let expected = "an object's API name such as Account";
        malformed(&without("entityName"), &[&format!("ChangeEventHeader.entityName: missing: expected {expected}")]);
        for (name, shown) in [
            (json!(""), "\"\""),
            (json!("1A"), "\"1A\""),
            (json!("A-b"), "\"A-b\""),
            (json!("É"), "\"É\""),
            (json!(7), "7"),
        ] {
            malformed(
                &with("entityName", name),
                &[&format!("ChangeEventHeader.entityName: invalid value `{shown}`: expected {expected}")],
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
                &[&format!("ChangeEventHeader.entityName: the name has {length} characters: expected at most 120")],
            );
        }
    }

    #[test]
    fn record_ids_are_a_list_of_at_least_one_id() {
        let list = "a list of at least one id";
        malformed(&without("recordIds"), &[&format!("ChangeEventHeader.recordIds: missing: expected {list}")]);
        malformed(
            &with("recordIds", json!(null)),
            &[&format!("ChangeEventHeader.recordIds: missing: expected {list}")],
        );
        for value in [json!([]), json!("0014H00002LbR7QQAV"), json!({})] {
            let expected = format!("ChangeEventHeader.recordIds: invalid value `{value}`: expected {list}");
            malformed(&with("recordIds", value), &[&expected]);
        }
        malformed(
            &with("recordIds", json!(["0014H00002LbR7QQAV", "<record_ID>", 5])),
            &[
                "ChangeEventHeader.recordIds[1]: invalid value `\"<record_ID>\"`: expected an id of 15 or 18 letters and digits",
                "ChangeEventHeader.recordIds[2]: invalid value `5`: expected an id of 15 or 18 letters and digits",
            ],
        );
    }

    #[test]
    fn a_long_list_of_bad_ids_is_not_reported_one_by_one() {
        let errors = errors(&with("recordIds", json!(vec!["x"; 5000])));
        assert_eq!(errors.len(), 21);
        assert_eq!(errors[20].to_string(), "ChangeEventHeader.recordIds: 4980 more invalid entries");
    }

    #[test]
    fn fifteen_and_eighteen_characters_are_one_id_and_count_once() {
        let header = with("recordIds", json!(["0014H00002LbR7Q", "0014H00002LbR7QQAV", "001B000000kNbqhIAC"]));
        let ids = ["0014H00002LbR7QQAV", "001B000000kNbqhIAC"].map(ExternalId::new);
        assert_eq!(of(&header, |header| header.records), AffectedRecords::Each(ids.to_vec()));
    }

    #[test]
    fn a_wildcard_or_an_overflow_is_of_all_records() {
        for ids in [json!(["001*"]), json!(["0014H00002LbR7QQAV", "001*"])] {
            let header = with("recordIds", ids);
            assert!(
                matches!(of(&header, |header| header.records), AffectedRecords::All(why) if why.contains("`001*`"))
            );
        }
        let mut overflow = with("changeType", json!("GAP_OVERFLOW"));
        overflow["recordIds"] = json!(["000000000000000AAA"]);
        assert!(
            matches!(of(&overflow, |header| header.records), AffectedRecords::All(why) if why.contains("GAP_OVERFLOW"))
        );
        malformed(
            &with("recordIds", json!(["001*", "x"])),
            &["ChangeEventHeader.recordIds[1]: invalid value `\"x\"`: expected an id of 15 or 18 letters and digits"],
        );
    }

    #[test]
    fn only_an_overflow_may_have_the_empty_id() {
        for empty in ["000000000000000AAA", "000000000000000"] {
            let expected = format!(
                "ChangeEventHeader.recordIds[0]: invalid value `\"{empty}\"`: expected the id of a record (only GAP_OVERFLOW has the empty id)"
            );
            malformed(&with("recordIds", json!([empty])), &[&expected]);
        }
    }

    #[test]
    fn the_change_type_is_a_documented_one() {
        let expected =
            "CREATE, UPDATE, DELETE, UNDELETE, GAP_CREATE, GAP_UPDATE, GAP_DELETE, GAP_UNDELETE or GAP_OVERFLOW";
        malformed(&without("changeType"), &[&format!("ChangeEventHeader.changeType: missing: expected {expected}")]);
        malformed(
            &with("changeType", json!("SNAPSHOT")),
            &[&format!("ChangeEventHeader.changeType: invalid value `\"SNAPSHOT\"`: expected {expected}")],
        );
        malformed(
            &with("changeType", json!(null)),
            &[&format!("ChangeEventHeader.changeType: missing: expected {expected}")],
        );
    }

    #[test]
    fn the_commit_timestamp_is_a_positive_timestamp_before_the_year_10000() {
        let expected = "a positive number of milliseconds, or RFC 3339, before the year 10000";
        malformed(
            &without("commitTimestamp"),
            &[&format!("ChangeEventHeader.commitTimestamp: missing: expected {expected}")],
        );
        for value in [
            json!(0),
            json!(-1),
            json!(253_402_300_800_000_i64),
            json!("0"),
            json!("2023-10-04"),
            json!("1e3"),
            json!("+5"),
            json!(1.5),
            json!([1]),
        ] {
            let expected = format!("ChangeEventHeader.commitTimestamp: invalid value `{value}`: expected {expected}");
            malformed(&with("commitTimestamp", value), &[&expected]);
        }
    }

    #[test]
    fn numbers_may_be_texts_of_their_digits() {
        for at in [json!(1_696_444_513_000_i64), json!("1696444513000"), json!("2023-10-04T18:35:13Z")] {
            of(&with("commitTimestamp", at), |read| assert_eq!(read.committed_at.millis(), 1_696_444_513_000));
        }
        for number in [json!(1_790_000_005_762_341_890_i64), json!("1790000005762341890")] {
            of(&with("commitNumber", number), |read| assert_eq!(read.commit_number, Some(1_790_000_005_762_341_890)));
        }
        of(&with("sequenceNumber", json!("-1")), |read| assert_eq!(read.sequence_number, Some(-1)));
    }

    #[test]
    fn a_commit_before_the_year_2000_is_a_warning() {
        let warning = "ChangeEventHeader.commitTimestamp: 1970-01-20T15:14:04.513Z is before the year 2000: expected \
                       milliseconds since 1970";
        warned(&with("commitTimestamp", json!(1_696_444_513)), &[warning]);
        warned(&with("commitTimestamp", json!(946_684_800_000_i64)), &[]);
    }

    #[test]
    fn a_field_that_is_null_counts_as_missing() {
        let missing = |field: &str| format!("ChangeEventHeader.{field}: missing: the change is accepted without it");
        for field in ["commitNumber", "sequenceNumber", "transactionKey"] {
            warned(&with(field, json!(null)), &[&missing(field)]);
        }
        for field in ["commitUser", "changeOrigin", "nulledFields", "diffFields", "changedFields"] {
            warned(&with(field, json!(null)), &[]);
        }
        of(&with("changedFields", json!(null)), |header| assert_eq!(header.changed, None));
        of(&with("nulledFields", json!(null)), |header| assert!(!header.has_pubsub_fields));
    }

    #[test]
    fn an_id_with_a_wrong_suffix_is_rejected_with_the_right_id() {
        malformed(
            &with("recordIds", json!(["0014H00002LbR7QAAA"])),
            &[
                "ChangeEventHeader.recordIds[0]: invalid value `\"0014H00002LbR7QAAA\"`: expected the id `0014H00002LbR7QQAV`",
            ],
        );
        let header = with("recordIds", json!(["0014H00002LbR7Qqav"]));
        let ids = vec![ExternalId::new("0014H00002LbR7QQAV")];
        of(&header, |header| assert_eq!(header.records, AffectedRecords::Each(ids)));
    }

    #[test]
    fn commit_and_sequence_number_are_integers_where_they_are_there() {
        for field in ["commitNumber", "sequenceNumber"] {
            for value in [
                json!("1.0"),
                json!(""),
                json!("9223372036854775808"),
                json!(1.5),
                json!(true),
                json!([1]),
                json!(u64::MAX),
            ] {
                let expected =
                    format!("ChangeEventHeader.{field}: invalid value `{value}`: expected an integer of 64 bits");
                malformed(&with(field, value), &[&expected]);
            }
            warned(
                &without(field),
                &[&format!("ChangeEventHeader.{field}: missing: the change is accepted without it")],
            );
            warned(&with(field, json!(1.0)), &[]);
        }
    }

    #[test]
    fn changed_fields_are_a_list_of_texts_where_they_are_there() {
        for value in [json!("Name"), json!({})] {
            let expected =
                format!("ChangeEventHeader.changedFields: invalid value `{value}`: expected a list of field names");
            malformed(&with("changedFields", value), &[&expected]);
        }
        malformed(
            &with("changedFields", json!(["Name", 1])),
            &["ChangeEventHeader.changedFields[1]: invalid value `1`: expected a field name"],
        );
        assert!(of(&without("changedFields"), |header| header.changed.is_none()));
    }

    #[test]
    fn every_error_is_reported_at_once() {
        let fields = |header: &Value| errors(header).into_iter().map(|e| e.field).collect::<Vec<_>>();
        assert_eq!(
            fields(&json!({"commitNumber": [], "changedFields": 1})),
            ["entityName", "changeType", "recordIds", "commitTimestamp", "commitNumber", "changedFields"]
                .map(|field| format!("ChangeEventHeader.{field}"))
        );
    }

    #[test]
    fn any_other_unusual_value_is_a_warning_and_counts_as_missing() {
        warned(
            &without("transactionKey"),
            &["ChangeEventHeader.transactionKey: missing: the change is accepted without it"],
        );
        warned(
            &with("transactionKey", json!("")),
            &["ChangeEventHeader.transactionKey: missing: the change is accepted without it"],
        );
        warned(
            &with("commitUser", json!(5)),
            &["ChangeEventHeader.commitUser: ignored: invalid value `5`: expected a text"],
        );
        warned(
            &with("nulledFields", json!("x")),
            &["ChangeEventHeader.nulledFields: ignored: invalid value `\"x\"`: expected a list of field names"],
        );
        warned(
            &with("diffFields", json!([1])),
            &["ChangeEventHeader.diffFields: ignored: invalid value `[1]`: expected a list of field names"],
        );
        warned(
            &with("transactionKey", json!(1)),
            &[
                "ChangeEventHeader.transactionKey: ignored: invalid value `1`: expected a text",
                "ChangeEventHeader.transactionKey: missing: the change is accepted without it",
            ],
        );
        warned(&with("isTransactionEnd", json!(true)), &[]);
    }
}
