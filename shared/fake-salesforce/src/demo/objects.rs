//! The objects that the definitions of Annals read, and a few fields more.

use crate::org::FieldKind::{
    Address, Boolean, Currency, Date, Datetime, Double, Int, LongText, Percent, Picklist, Reference, Text,
};
use crate::org::{FieldKind, FieldSchema, ObjectSchema};

type Fields<'a> = &'a [(&'a str, FieldKind)];

const ACCOUNT: Fields<'_> = &[
    ("Name", Text),
    ("ParentId", Reference),
    ("Business_Type__c", Picklist),
    ("Account_Status__c", Picklist),
    ("Account_Priority__c", Picklist),
    ("CurrencyIsoCode", Picklist),
    ("BillingAddress", Address),
    ("BillingStreet", Text),
    ("BillingCity", Text),
    ("BillingState", Text),
    ("BillingPostalCode", Text),
    ("BillingCountry", Text),
    ("Orfium_SSO_ID_SR__c", Text),
    ("Phone", Text),
    ("Website", Text),
    ("NumberOfEmployees", Int),
    ("AnnualRevenue", Currency),
    ("Description", LongText),
    ("LastActivityDate", Date),
    ("OwnerId", Reference),
];

const OPPORTUNITY: Fields<'_> = &[
    ("Name", Text),
    ("AccountId", Reference),
    ("OwnerId", Reference),
    ("ContactId", Reference),
    ("ContractId", Reference),
    ("CampaignId", Reference),
    ("Pricebook2Id", Reference),
    ("StageName", Picklist),
    ("Type", Picklist),
    ("LeadSource", Picklist),
    ("NextStep", Text),
    ("Amount", Currency),
    ("ExpectedRevenue", Currency),
    ("CurrencyIsoCode", Picklist),
    ("Probability", Percent),
    ("TotalOpportunityQuantity", Double),
    ("CloseDate", Date),
    ("IsClosed", Boolean),
    ("IsWon", Boolean),
    ("IsPrivate", Boolean),
    ("HasOpportunityLineItem", Boolean),
    ("ForecastCategoryName", Picklist),
    ("ForecastCategory", Picklist),
    ("LastStageChangeDate", Datetime),
    ("LastActivityDate", Date),
    ("Description", LongText),
];

const CONTRACT: Fields<'_> = &[
    ("ContractNumber", Text),
    ("Name", Text),
    ("AccountId", Reference),
    ("OwnerId", Reference),
    ("Pricebook2Id", Reference),
    ("Status", Picklist),
    ("StatusCode", Picklist),
    ("CurrencyIsoCode", Picklist),
    ("StartDate", Date),
    ("EndDate", Date),
    ("ContractTerm", Int),
    ("OwnerExpirationNotice", Picklist),
    ("CompanySignedId", Reference),
    ("CompanySignedDate", Date),
    ("CustomerSignedId", Reference),
    ("CustomerSignedTitle", Text),
    ("CustomerSignedDate", Date),
    ("SpecialTerms", LongText),
    ("BillingAddress", Address),
    ("BillingCity", Text),
    ("BillingCountry", Text),
    ("ActivatedById", Reference),
    ("ActivatedDate", Datetime),
    ("LastApprovedDate", Datetime),
    ("LastActivityDate", Date),
    ("Description", LongText),
];

const PRODUCT: Fields<'_> = &[
    ("Name", Text),
    ("ProductCode", Text),
    ("Family", Picklist),
    ("Type", Picklist),
    ("StockKeepingUnit", Text),
    ("QuantityUnitOfMeasure", Picklist),
    ("DisplayUrl", Text),
    ("ExternalId", Text),
    ("ExternalDataSourceId", Reference),
    ("CurrencyIsoCode", Picklist),
    ("IsActive", Boolean),
    ("IsArchived", Boolean),
    ("Description", LongText),
];

const LINE_ITEM: Fields<'_> = &[
    ("Name", Text),
    ("OpportunityId", Reference),
    ("Product2Id", Reference),
    ("PricebookEntryId", Reference),
    ("ProductCode", Text),
    ("Quantity", Double),
    ("UnitPrice", Currency),
    ("ListPrice", Currency),
    ("Subtotal", Currency),
    ("Discount", Percent),
    ("TotalPrice", Currency),
    ("CurrencyIsoCode", Picklist),
    ("ServiceDate", Date),
    ("SortOrder", Int),
    ("Description", LongText),
];

const PLATFORM: Fields<'_> = &[
    ("Name", Text),
    ("Account__c", Reference),
    ("OwnerId", Reference),
    ("Type__c", Picklist),
    ("Status__c", Picklist),
    ("URL__c", Text),
    ("Country__c", Text),
    ("CurrencyIsoCode", Picklist),
    ("Description__c", LongText),
    ("Active__c", Boolean),
    ("Launch_Date__c", Date),
];

/// `Orfium_SSO_ID_Comp__c` of an account is a formula.
pub fn objects() -> Vec<ObjectSchema> {
    let mut account = object("Account", "001", ACCOUNT);
    account.fields.push(FieldSchema::new("Orfium_SSO_ID_Comp__c", Text).calculated());
    vec![
        account,
        object("Opportunity", "006", OPPORTUNITY),
        object("Contract", "800", CONTRACT),
        object("Product2", "01t", PRODUCT),
        object("OpportunityLineItem", "00k", LINE_ITEM),
        object("Platform__c", "a0B", PLATFORM),
    ]
}

fn object(name: &str, key_prefix: &str, fields: Fields<'_>) -> ObjectSchema {
    ObjectSchema::new(name, key_prefix, fields.iter().map(|(field, kind)| FieldSchema::new(*field, *kind)))
}
