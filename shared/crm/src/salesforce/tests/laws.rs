//! Laws that hold for any input.

use annals_domain::identity::{EntityName, ExternalId};
use annals_domain::provider_adapter::{ParsedInput, ProviderAdapter, RecordImage};
use annals_domain::timestamp::Timestamp;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{ID, changes, header, one, payload, salesforce, stored};

/// Any JSON value, with keys and texts that mean something here among them.
fn any_json() -> impl Strategy<Value = Value> {
    let word = prop_oneof![
        prop::sample::select(vec![
            "Name",
            "BillingAddress",
            "BillingAddress.City",
            "BillingStreet",
            "City",
            "LastModifiedDate",
            "CreatedDate",
            "string",
            "diff",
            "0x06",
            "0x02",
            "3-0x1",
            "ChangeEventHeader",
            "payload",
            "detail",
            "data",
            "channel",
            "/data/x",
            "001*",
            ID,
            "",
            "a..b",
        ])
        .prop_map(str::to_owned),
        ".{0,6}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((word.clone(), inner), 0..5)
                .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// A change event with any body and any values in some of its header's fields.
fn any_change(wild: impl Strategy<Value = Vec<(&'static str, Value)>>) -> impl Strategy<Value = String> {
    let change_types = ["CREATE", "UPDATE", "DELETE", "UNDELETE", "GAP_UPDATE", "GAP_OVERFLOW"];
    (prop::sample::select(change_types.to_vec()), wild, any_json(), any::<bool>()).prop_map(
        |(change_type, wild, body, is_first)| {
            let mut header = header(change_type);
            for (field, value) in wild {
                header[field] = value;
            }
            let body =
                body.as_object().cloned().unwrap_or_default().into_iter().filter(|(key, _)| key != "ChangeEventHeader");
            let header = ("ChangeEventHeader".to_owned(), header);
            let fields: Map<_, _> =
                if is_first { [header].into_iter().chain(body).collect() } else { body.chain([header]).collect() };
            Value::Object(fields).to_string()
        },
    )
}

fn wild_lists() -> impl Strategy<Value = Vec<(&'static str, Value)>> {
    let list = prop::collection::vec(
        prop::sample::select(vec![
            "Name",
            "BillingAddress",
            "BillingAddress.City",
            "LastModifiedDate",
            "0x02",
            "0x06",
            "0x0C",
            "1-0x1",
            "2-0x3",
            "",
        ]),
        0..4,
    );
    let field = prop::sample::select(vec!["changedFields", "nulledFields", "diffFields"]);
    prop::collection::vec((field, list.prop_map(|names| json!(names))), 0..4)
}

fn wild_headers() -> impl Strategy<Value = Vec<(&'static str, Value)>> {
    let field = prop::sample::select(vec![
        "entityName",
        "recordIds",
        "changeType",
        "commitTimestamp",
        "commitNumber",
        "sequenceNumber",
        "transactionKey",
        "commitUser",
        "changeOrigin",
        "changedFields",
        "nulledFields",
        "diffFields",
    ]);
    prop::collection::vec((field, any_json()), 1..4)
}

fn check_reread(input: &str) -> Result<(), TestCaseError> {
    if let ParsedInput::Changes(all) = salesforce().read_input(input) {
        for incoming in all {
            prop_assert_eq!(
                salesforce().read_event(&stored(&salesforce(), &incoming).input()),
                Ok((*incoming.change).clone())
            );
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn no_value_causes_a_panic(value in any_json()) {
        let text = value.to_string();
        check_reread(&text)?;
        let image = RecordImage::new(Some(text.into()), Timestamp::from_millis(5).unwrap());
        let _ = salesforce().read_image(&EntityName::new("Account"), &ExternalId::new(ID), &image);
    }

    #[test]
    fn no_header_causes_a_panic_and_a_stored_event_reads_the_same_as_on_arrival(input in any_change(wild_headers())) {
        check_reread(&input)?;
    }

    #[test]
    fn a_valid_header_is_accepted_with_any_body(input in any_change(wild_lists())) {
        let parsed = salesforce().read_input(&input);
        prop_assert!(matches!(parsed, ParsedInput::Changes(_) | ParsedInput::EntityWide(_)), "{parsed:?}");
        check_reread(&input)?;
    }
}

#[test]
fn each_record_of_a_merged_change_reads_the_same_as_on_arrival() {
    let input =
        payload("UPDATE", &json!({"recordIds": [ID, "0014H00002LbR7R"], "changedFields": ["Name"]}), r#"{"Name":"n"}"#);
    for incoming in changes(&salesforce(), &input) {
        assert_eq!(salesforce().read_event(&stored(&salesforce(), &incoming).input()), Ok((*incoming.change).clone()));
    }
}

#[test]
fn the_error_of_an_unreadable_event_names_it_and_the_reason() {
    let incoming = one(&payload("UPDATE", &json!({}), r#"{"Name":"n"}"#));
    let reason = |change: &dyn Fn(&mut annals_domain::event::DomainEvent)| {
        let mut event = stored(&salesforce(), &incoming);
        change(&mut event);
        let error = salesforce().read_event(&event.input()).expect_err("unreadable");
        assert_eq!(error.event_id, event.event_id());
        error.reason
    };
    let other = reason(&|event| event.metadata.external_id = ExternalId::new("0014H00002LbR7RQAV"));
    assert_eq!(other, "ChangeEventHeader.recordIds: the record `0014H00002LbR7RQAV` is not listed");
    assert_eq!(
        reason(&|event| event.data = "{".into()),
        "cannot be read as JSON: line 1, column 1: unexpected end: EOF while parsing an object"
    );
    assert!(reason(&|event| event.data = "[]".into()).starts_with("not a Salesforce change event"));
    assert_eq!(
        reason(&|event| event.data = r#"{"ChangeEventHeader":1}"#.into()),
        "ChangeEventHeader: invalid value `1`: expected an object"
    );
}
