//! Canonical paths of fields: `BillingStreet` is `BillingAddress.Street`.
//!
//! The canonical path of a canonical path is itself. The components are those of Salesforce's standard compound fields;
//! whether an object has them is not checked.

use std::borrow::Cow;

use annals_domain::path::Path;

/// Each prefix of single address fields, with the compound field that they belong to.
const ADDRESSES: [(&str, &str); 8] = [
    ("Billing", "BillingAddress"),
    ("Shipping", "ShippingAddress"),
    ("Mailing", "MailingAddress"),
    ("Other", "OtherAddress"),
    ("PersonMailing", "PersonMailingAddress"),
    ("PersonOther", "PersonOtherAddress"),
    ("QuoteTo", "QuoteToAddress"),
    ("Additional", "AdditionalAddress"),
];

/// Where a field is: its top-level field, and its component if it is part of a compound field.
pub(super) struct FieldLocation<'a> {
    pub(super) root: Cow<'a, str>,
    pub(super) component: Option<&'a str>,
}

pub(super) fn canonical(object: &str, field: &str) -> Path {
    let (first, below) = match field.split_once('.') {
        Some((first, below)) => (first, Some(below)),
        None => (field, None),
    };
    let location = locate(object, first);
    if location.component.is_none() && below.is_none() {
        return Path::new(field);
    }
    let mut path = String::with_capacity(field.len() + 12);
    path.push_str(&location.root);
    for part in location.component.into_iter().chain(below.into_iter().flat_map(|below| below.split('.'))) {
        push_part(&mut path, part);
    }
    Path::new(path)
}

pub(super) fn child(parent: &Path, part: &str) -> Path {
    let mut path = String::with_capacity(parent.as_str().len() + 1 + part.len());
    path.push_str(parent.as_str());
    for part in part.split('.') {
        push_part(&mut path, part);
    }
    Path::new(path)
}

pub(super) fn locate<'a>(object: &str, field: &'a str) -> FieldLocation<'a> {
    address_part(field)
        .or_else(|| own_part(object, field))
        .or_else(|| custom_part(field))
        .unwrap_or(FieldLocation { root: Cow::Borrowed(field), component: None })
}

/// The fields of structs start with a capital letter in change events and a small one in REST responses.
fn push_part(path: &mut String, part: &str) {
    path.push('.');
    let mut rest = part.chars();
    if let Some(first) = rest.next() {
        path.push(first.to_ascii_uppercase());
        path.push_str(rest.as_str());
    }
}

fn address_part(field: &str) -> Option<FieldLocation<'_>> {
    ADDRESSES.iter().find_map(|(prefix, compound)| {
        let component = field.strip_prefix(prefix).filter(|rest| is_address_component(rest))?;
        Some(FieldLocation { root: Cow::Borrowed(compound), component: Some(component) })
    })
}

/// Components without a prefix: those of a person's name, and of the only address of leads and users.
fn own_part<'a>(object: &str, field: &'a str) -> Option<FieldLocation<'a>> {
    let root = match object {
        "Lead" | "User" if is_address_component(field) => "Address",
        "Contact" | "Lead" | "User" | "Account" if is_name_component(field) => "Name",
        _ => return None,
    };
    Some(FieldLocation { root: Cow::Borrowed(root), component: Some(field) })
}

/// Components of custom compound fields: `Site__Street__s` belongs to `Site__c`.
fn custom_part(field: &str) -> Option<FieldLocation<'_>> {
    let (compound, component) = field.strip_suffix("__s")?.rsplit_once("__")?;
    if compound.is_empty() || !is_address_component(component) {
        return None;
    }
    Some(FieldLocation { root: Cow::Owned(format!("{compound}__c")), component: Some(component) })
}

fn is_address_component(name: &str) -> bool {
    matches!(
        name,
        "Street"
            | "City"
            | "State"
            | "PostalCode"
            | "Country"
            | "StateCode"
            | "CountryCode"
            | "Latitude"
            | "Longitude"
            | "GeocodeAccuracy"
    )
}

pub(super) fn is_name_component(name: &str) -> bool {
    matches!(name, "FirstName" | "LastName" | "MiddleName" | "Suffix" | "Salutation" | "InformalName")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(object: &str, field: &str, expected: &str) {
        assert_eq!(canonical(object, field).as_str(), expected, "{object}.{field}");
    }

    #[test]
    fn components_of_standard_addresses_belong_to_their_compound_field() {
        check("Account", "BillingStreet", "BillingAddress.Street");
        check("Account", "ShippingGeocodeAccuracy", "ShippingAddress.GeocodeAccuracy");
        check("Contact", "MailingStateCode", "MailingAddress.StateCode");
        check("Contact", "OtherPostalCode", "OtherAddress.PostalCode");
        check("Account", "PersonMailingCity", "PersonMailingAddress.City");
        check("Account", "PersonOtherLatitude", "PersonOtherAddress.Latitude");
        check("Quote", "QuoteToCountryCode", "QuoteToAddress.CountryCode");
        check("Quote", "AdditionalLongitude", "AdditionalAddress.Longitude");
        check("Contact", "OtherPhone", "OtherPhone");
        check("Account", "Billing", "Billing");
    }

    #[test]
    fn leads_and_users_have_one_address_without_a_prefix() {
        check("Lead", "Street", "Address.Street");
        check("User", "CountryCode", "Address.CountryCode");
        check("Account", "Street", "Street");
        check("Site__c", "City", "City");
    }

    #[test]
    fn components_of_a_persons_name_belong_to_name() {
        for object in ["Contact", "Lead", "User", "Account"] {
            check(object, "FirstName", "Name.FirstName");
            check(object, "Salutation", "Name.Salutation");
        }
        check("Opportunity", "LastName", "LastName");
        check("Account", "Name", "Name");
    }

    #[test]
    fn components_of_custom_compound_fields_belong_to_them() {
        check("Site__c", "Place__Street__s", "Place__c.Street");
        check("Site__c", "ns__Place__Latitude__s", "ns__Place__c.Latitude");
        check("Site__c", "Place__Other__s", "Place__Other__s");
        check("Site__c", "__Street__s", "__Street__s");
    }

    #[test]
    fn fields_of_structs_start_with_a_capital_letter() {
        check("Lead", "Address.postalCode", "Address.PostalCode");
        check("Lead", "address.city", "address.City");
        check("X", "a.b.c", "a.B.C");
        assert_eq!(child(&Path::new("Address"), "geocodeAccuracy").as_str(), "Address.GeocodeAccuracy");
    }

    proptest! {
        #[test]
        fn the_canonical_path_of_a_canonical_path_is_itself(
            object in prop::sample::select(vec!["Account", "Lead", "User", "Contact", "Quote", "Site__c"]),
            field in "(Billing|Other|PersonOther|X__|x)?(Street|City|FirstName|Latitude)?(__s|__c)?(\\.(street|\u{df}x|B|))*|.*",
        ) {
            let once = canonical(object, &field);
            prop_assert_eq!(canonical(object, once.as_str()), once);
        }
    }
}
