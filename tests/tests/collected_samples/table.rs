//! The table of the expected results of each file.
//!
//! In addition to its own checks, each row is subject to the rules that [`Row`] documents for its outcome.

use annals_application::commands::Outcome;
use annals_domain::change::{Lifecycle, RefetchReason};
use annals_domain::event::EventType;

use self::Expectation::*;
use self::Outcome::{AwaitingBase, BackfillRequested, Ignored, Quarantined, Stored};
use EventType::{Created, Deleted, Gap, Updated};

/// The expected outcome of one file.
///
/// A change that is stored or awaits its base returns its type and version, has no errors and has a
/// history. A change that awaits its base has exactly one warning, a refetch task for the missing base and
/// no entity; a stored change has no warning and no refetch task. No entity has a mapping warning, and only
/// the leaves that the row names are unknown. A quarantined input is kept unchanged and open, with exactly
/// the errors that the row names.
pub(crate) struct Row {
    /// The number at the start of the file name.
    pub(crate) file: &'static str,
    pub(crate) outcome: Outcome,
    pub(crate) aggregate_type: Option<&'static str>,
    pub(crate) event_type: Option<EventType>,
    pub(crate) version: Option<u64>,
    pub(crate) says: &'static [Expectation],
}

/// One expectation after a file. The segments of a path are separated by dots.
#[derive(Debug)]
pub(crate) enum Expectation {
    /// The record's id.
    Id(&'static str),
    /// The commit timestamp of the CRM.
    At(&'static str),
    /// A field of the entity is this text.
    Text(&'static str, &'static str),
    /// A field of the entity is this JSON.
    Field(&'static str, &'static str),
    /// A field of the entity is a text of that many characters.
    Length(&'static str, usize),
    /// A field of the entity is a text with that SHA-256.
    Sha256(&'static str, &'static str),
    /// A leaf of the raw state is this JSON.
    Raw(&'static str, &'static str),
    /// All paths that the record's events have written.
    Writes(&'static [&'static str]),
    /// The number of leaves written below a path.
    Leaves(&'static str, usize),
    /// The leaves that are named as changed but have no known value.
    Unknown(&'static [&'static str]),
    /// The newest lifecycle state of the record.
    Life(Lifecycle),
    /// A reason for a refetch in addition to the missing base.
    Refetch(RefetchReason),
    /// The event's commit number, in the history.
    Commit(&'static str),
    /// The event's sequence number, in the history.
    Sequence(&'static str),
    /// The fields that the event changed, in the history.
    Changes(&'static [&'static str]),
    /// The change origin that is kept, if any.
    Origin(&'static str),
    /// The transaction at the source.
    Transaction(&'static str),
    /// The transaction is the same as that of another file.
    TransactionOf(&'static str),
    /// The input stored with the event contains this text.
    Data(&'static str),
    /// Lists contain it only if they include deleted entities.
    OutOfLists,
    /// The errors: their fields and words of their messages.
    Errors(&'static [(&'static str, &'static str)]),
    /// The job keeps the input unchanged, and nothing is stored under the empty id.
    JobKeepsInput,
}

const fn row(
    file: &'static str,
    outcome: Outcome,
    aggregate_type: &'static str,
    event_type: EventType,
    version: u64,
) -> Row {
    let (aggregate_type, event_type, version) = (Some(aggregate_type), Some(event_type), Some(version));
    Row { file, outcome, aggregate_type, event_type, version, says: &[] }
}

/// A file that does not become an event.
const fn not_an_event(file: &'static str, outcome: Outcome) -> Row {
    Row { file, outcome, aggregate_type: None, event_type: None, version: None, says: &[] }
}

impl Row {
    const fn of(self, aggregate_type: &'static str) -> Self {
        Self { aggregate_type: Some(aggregate_type), ..self }
    }

    const fn says(self, says: &'static [Expectation]) -> Self {
        Self { says, ..self }
    }
}

const STAMP: &str = "LastModifiedDate";

/// All files, in the order of their names.
pub(crate) const TABLE: &[Row] = &[
    row("01", Stored, "client", Created, 1).says(&[
        Id("0015f00002J9YYEAA3"),
        Text("name", "Acme"),
        Text("description", "Sample account record."),
        Field("parent_id", "null"),
        Field("billing_country", "null"),
        Field("currency", "null"),
        Field("status", "null"),
        Field("is_deleted", "false"),
        Text("created_date", "2024-04-09T20:19:25Z"),
        Text("last_modified_date", "2024-04-09T20:19:25Z"),
        Text("created_at", "2024-04-09T20:19:25Z"),
    ]),
    // A part of a name: neither the whole name nor its other parts are written.
    row("02", AwaitingBase, "contact", Updated, 1).says(&[
        Writes(&[STAMP, "Name.LastName"]),
        Raw("Name.LastName", r#""Youngest""#),
        Commit("1745500706683617281"),
    ]),
    // A field that is named without a value is unknown: neither null nor its former value.
    row("03", AwaitingBase, "contact", Updated, 1).says(&[
        Writes(&[STAMP, "MailingAddress.City", "MailingAddress.Street", "OtherAddress.PostalCode"]),
        Raw("MailingAddress.Street", r#""1235 wildwood St""#),
        Unknown(&["MailingAddress.City", "OtherAddress.PostalCode"]),
        Refetch(RefetchReason::NotCarried),
        Commit("1778192987716501506"),
        Data(r#""commitNumber":1778192987716501506,"#),
    ]),
    not_an_event("05", Quarantined).says(&[Errors(&[("ChangeEventHeader.recordIds", "missing")])]),
    // The Pub/Sub form with decoded names: its nulls are not changes.
    row("07", AwaitingBase, "client", Updated, 1).says(&[
        Writes(&["BillingAddress.City", "BillingAddress.State", STAMP]),
        Raw("BillingAddress.City", r#""San Francisco""#),
        Raw("BillingAddress.State", r#""CA""#),
        Raw(STAMP, "1696444513000"),
    ]),
    row("11", AwaitingBase, "client", Gap, 1).says(&[
        Writes(&[]),
        Life(Lifecycle::Active),
        Refetch(RefetchReason::Gap),
        Sequence("19"),
        Commit("72784468115"),
    ]),
    not_an_event("12", BackfillRequested).of("client").says(&[JobKeepsInput]),
    row("13", Stored, "client", Created, 1).says(&[
        Id("0015f00002JUXA8AAP"),
        Text("billing_country", "United States"),
        Raw("BillingAddress.City", r#""San Francisco""#),
        Text("created_date", "2024-04-26T18:38:05Z"),
    ]),
    // Enriched fields are not changes; they stay in the input.
    row("15", AwaitingBase, "client", Updated, 1).says(&[
        Writes(&["Fax", STAMP]),
        Raw("Fax", r#""4155551212""#),
        Data(r#""Industry": "Biotechnology""#),
        Data("External_Account_ID__c"),
    ]),
    row("17", Stored, "deal", Created, 1).says(&[
        Id("006SM0000001Tb3YAE"),
        Text("name", "Acme - 400 Widgets"),
        Text("amount", "40000"),
        Text("close_date", "2022-05-31"),
        Field("probability", "10"),
        Text("stage", "Prospecting"),
        Text("client_id", "001SM0000000iibYAA"),
        Field("is_closed", "false"),
        Commit("1652977933433528300"),
    ]),
    row("18", Stored, "client", Created, 1).says(&[
        Id("0015f00002JUX1JAAX"),
        Text("name", "Cadinal Inc."),
        Text("billing_country", "USA"),
        Raw("BillingAddress.State", r#""IL""#),
        Sequence("1"),
    ]),
    row("19", Stored, "contact", Created, 1).says(&[
        Id("0035f00002EztxDAAR"),
        Text("Name.FirstName", "Brenda"),
        Text("Name.LastName", "Mcclure"),
        TransactionOf("18"),
        Sequence("2"),
    ]),
    row("20", Stored, "deal", Created, 1).says(&[
        Id("0065f00000UloqVAAR"),
        Text("name", "Cadinal Inc.-"),
        Field("amount", "null"),
        Text("close_date", "2024-06-30"),
        Text("client_id", "0015f00002JUX1JAAX"),
        TransactionOf("18"),
        Sequence("3"),
    ]),
    // The same transaction, but a second later.
    row("21", AwaitingBase, "lead", Updated, 1).says(&[
        Writes(&[
            "ConvertedAccountId",
            "ConvertedContactId",
            "ConvertedDate",
            "ConvertedOpportunityId",
            "IsConverted",
            STAMP,
            "Status",
        ]),
        At("2024-04-26T17:49:40Z"),
        TransactionOf("18"),
        Sequence("4"),
    ]),
    row("22", Stored, "client", Created, 1).says(&[Id("0015f00002JUWMVAA5"), Length("description", 1_248)]),
    // The diff to the text of 22: patched with its own line endings it has the expected hash.
    row("23", Stored, "client", Updated, 2).says(&[
        Id("0015f00002JUWMVAA5"),
        Length("description", 1_386),
        Sha256("description", "682b8747ccdb93b546e7bbe479b27d26ec7c38ccabb76cdd8308c6595492bffc"),
        Text("name", "Acme"),
        Changes(&["description", "last_modified_date"]),
    ]),
    row("24", Stored, "user", Created, 1).says(&[
        Id("0055f00000GBZR4AAP"),
        Text("Name.FirstName", "Olga"),
        Text("Name.LastName", "Brown"),
        Field("EmailPreferences", r#"["AutoBcc","StayInTouchReminder"]"#),
        Origin(""),
    ]),
    // The second event of a transaction whose first event never arrives: nothing waits for that one.
    row("26", Stored, "contact", Created, 1).says(&[
        Id("003ZL000001EDrPYAW"),
        Text("Name.Salutation", "Ms."),
        Text("Name.FirstName", "Martha"),
        Field("IsPersonAccount", "true"),
        Sequence("2"),
    ]),
    // An object named Event, without a definition: its values are kept unchanged.
    row("27", Stored, "event", Created, 1).says(&[
        Id("00UZM000000wuBw2AI"),
        Field("ActivityDate", "1714953600000"),
        Field("ActivityDateTime", "1715014800000"),
        Text("Subject", "Product Planning"),
    ]),
    // Without its type the meaning of a wildcard is not known.
    not_an_event("29", Quarantined).says(&[Errors(&[
        ("ChangeEventHeader.changeType", "missing"),
        ("ChangeEventHeader.commitTimestamp", "missing"),
    ])]),
    row("30", Stored, "employee__c", Created, 1).says(&[
        Id("a00ak00000FqAsJAAV"),
        Text("First_Name__c", "Patricia"),
        Text("Last_Name__c", "Smith"),
        Commit("1722538034362728400"),
    ]),
    row("31", Stored, "employee__c", Updated, 2).says(&[
        Id("a00ak00000FqAsJAAV"),
        Text("First_Name__c", "Trish"),
        Field("Tenure__c", "3"),
        Text("Last_Name__c", "Smith"),
        Text("Name", "e-100"),
        Text("OwnerId", "005ak000004FkWTAA0"),
        Changes(&["First_Name__c", STAMP, "Tenure__c"]),
    ]),
    // A deletion's nulls are not applied.
    row("32", Stored, "employee__c", Deleted, 3).says(&[
        Id("a00ak00000FqAsJAAV"),
        Field("is_deleted", "true"),
        Text("Last_Name__c", "Smith"),
        Text("First_Name__c", "Trish"),
        Field("Tenure__c", "3"),
        Text("updated_at", "2024-08-01T18:48:02Z"),
        Changes(&["is_deleted"]),
        OutOfLists,
    ]),
    row("40", Stored, "employee__c", Created, 1).says(&[
        Id("a00B000000AVWaZIAX"),
        Text("First_Name__c", "Marc"),
        Field("Tenure__c", "20"),
        Text("Name", "EN-0003"),
    ]),
    // Without `changedFields` the keys of the body are the changed fields.
    row("41", Stored, "employee__c", Updated, 2).says(&[
        Text("First_Name__c", "Marc 2"),
        Text("Last_Name__c", "Benioff 2"),
        Field("Tenure__c", "22"),
        Text("Name", "EN-0003"),
        Changes(&["First_Name__c", STAMP, "Last_Name__c", "Tenure__c"]),
    ]),
    row("42", Stored, "employee__c", Deleted, 3).says(&[
        Field("is_deleted", "true"),
        Text("First_Name__c", "Marc 2"),
        Text("Last_Name__c", "Benioff 2"),
        Field("Tenure__c", "22"),
        Text("Name", "EN-0003"),
        Changes(&["is_deleted"]),
        OutOfLists,
    ]),
    not_an_event("44", Quarantined).says(&[Errors(&[("ChangeEventHeader.recordIds[0]", "<record_ID>")])]),
    row("46", AwaitingBase, "client", Deleted, 1).says(&[Writes(&[]), Life(Lifecycle::Deleted), Data("Biotechnology")]),
    // The JSON form omits empty parts, so they are not written.
    row("47", Stored, "client", Created, 1).says(&[
        Id("001T1000001nI4jIAE"),
        Text("billing_country", "United States"),
        Raw("Website", r#""www.salesforce.com""#),
        Leaves("BillingAddress", 5),
        Text("created_date", "2022-06-10T22:42:34Z"),
    ]),
    row("49", AwaitingBase, "event", Gap, 1).says(&[
        Id("00Uxx000000fvRQEAY"),
        Writes(&[]),
        Refetch(RefetchReason::Gap),
        Transaction("0Mcxx000000000B"),
        At("2017-11-01T02:08:08.161Z"),
    ]),
    not_an_event("52", Quarantined).says(&[Errors(&[("ChangeEventHeader.commitTimestamp", "missing")])]),
    not_an_event("53", Ignored),
    not_an_event("54", Ignored),
    not_an_event("56", Quarantined).says(&[Errors(&[
        ("ChangeEventHeader.recordIds", "missing"),
        ("ChangeEventHeader.commitTimestamp", "missing"),
    ])]),
    row("61", AwaitingBase, "contact", Updated, 1).says(&[
        Id("0031x00001OXjxiAAD"),
        Writes(&["Email", STAMP]),
        Raw("Email", r#""redacted2@example.com""#),
    ]),
    row("62", AwaitingBase, "case", Updated, 1).says(&[
        Id("50025000009vJE9AAM"),
        Raw("AccountId", r#""0012500001DNi0FAAT""#),
        Raw(STAMP, r#""2019-09-25T10:32:28Z""#),
    ]),
    // The date of the envelope, in the year 1, is ignored.
    row("64", AwaitingBase, "client", Updated, 1).says(&[
        Id("00106000029G61DAAS"),
        Raw("Rating", r#""Hot""#),
        At("2023-07-18T14:46:50Z"),
    ]),
    row("65", AwaitingBase, "client", Updated, 2).says(&[
        Id("00106000029G61DAAS"),
        Writes(&[STAMP, "Rating", "Website"]),
        Raw("Rating", r#""Hot""#),
        Raw("Website", r#""https://redpanda.com/""#),
    ]),
    row("67", AwaitingBase, "client", Updated, 1).says(&[
        Writes(&[STAMP, "Type"]),
        Raw("Type", r#""Prospect""#),
        Data(r#""Industry": "Agriculture""#),
    ]),
    row("70", AwaitingBase, "client", Updated, 1).says(&[
        Writes(&["AccountNumber", STAMP]),
        Raw("AccountNumber", r#""TestDone3""#),
        Origin("com/salesforce/api/rest/56.0"),
    ]),
];
