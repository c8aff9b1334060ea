//! One path for a leaf, however it is spelt: `BillingStreet` is `BillingAddress.Street`.
//!
//! Promises that the canonical path of a canonical path is itself. Which components exist is fixed
//! here (the standard compound fields); whether an object has them is not checked.

use std::borrow::Cow;

use annals_domain::path::Path;

/// Compound address fields and the prefix of their parts as single fields.
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

/// A field's place: the top-level field it is in or is, and its part of that.
pub(super) struct Place<'a> {
    /// The top-level field.
    pub(super) root: Cow<'a, str>,
    /// The part, where the field is one.
    pub(super) component: Option<&'a str>,
}

/// The canonical path of a field of an object.
pub(super) fn canonical(object: &str, field: &str) -> Path {
    let (first, below) = match field.split_once('.') {
        Some((first, below)) => (first, Some(below)),
        None => (field, None),
    };
    let place = place(object, first);
    if place.component.is_none() && below.is_none() {
        return Path::new(field);
    }
    let mut path = String::with_capacity(field.len() + 12);
    path.push_str(&place.root);
    for part in place.component.into_iter().chain(below.into_iter().flat_map(|below| below.split('.'))) {
        push_part(&mut path, part);
    }
    Path::new(path)
}

/// The canonical path of a struct's part.
pub(super) fn child(parent: &Path, part: &str) -> Path {
    let mut path = String::with_capacity(parent.as_str().len() + 1 + part.len());
    path.push_str(parent.as_str());
    for part in part.split('.') {
        push_part(&mut path, part);
    }
    Path::new(path)
}

/// Where a top-level field belongs.
pub(super) fn place<'a>(object: &str, field: &'a str) -> Place<'a> {
    address_part(field)
        .or_else(|| own_part(object, field))
        .or_else(|| custom_part(field))
        .unwrap_or(Place { root: Cow::Borrowed(field), component: None })
}

/// Parts of structs start with a capital in change events and a small letter in REST answers.
fn push_part(path: &mut String, part: &str) {
    path.push('.');
    let mut rest = part.chars();
    if let Some(first) = rest.next() {
        path.push(first.to_ascii_uppercase());
        path.push_str(rest.as_str());
    }
}

fn address_part(field: &str) -> Option<Place<'_>> {
    ADDRESSES.iter().find_map(|(prefix, compound)| {
        let component = field.strip_prefix(prefix).filter(|rest| is_address_component(rest))?;
        Some(Place { root: Cow::Borrowed(compound), component: Some(component) })
    })
}

/// Parts that stand without a prefix: a person's name, and the one address of leads and users.
fn own_part<'a>(object: &str, field: &'a str) -> Option<Place<'a>> {
    let root = match object {
        "Lead" | "User" if is_address_component(field) => "Address",
        "Contact" | "Lead" | "User" | "Account" if is_name_component(field) => "Name",
        _ => return None,
    };
    Some(Place { root: Cow::Borrowed(root), component: Some(field) })
}

/// Parts of custom compound fields: `Site__Street__s` is in `Site__c`.
fn custom_part(field: &str) -> Option<Place<'_>> {
    let (compound, component) = field.strip_suffix("__s")?.rsplit_once("__")?;
    if compound.is_empty() || !is_address_component(component) {
        return None;
    }
    Some(Place { root: Cow::Owned(format!("{compound}__c")), component: Some(component) })
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

/// Whether a person's name has such a part.
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
    fn parts_of_standard_addresses_lie_in_their_compound() {
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
    fn parts_of_a_persons_name_lie_in_name() {
        for object in ["Contact", "Lead", "User", "Account"] {
            check(object, "FirstName", "Name.FirstName");
            check(object, "Salutation", "Name.Salutation");
        }
        check("Opportunity", "LastName", "LastName");
        check("Account", "Name", "Name");
    }

    #[test]
    fn parts_of_custom_compounds_lie_in_them() {
        check("Site__c", "Place__Street__s", "Place__c.Street");
        check("Site__c", "ns__Place__Latitude__s", "ns__Place__c.Latitude");
        check("Site__c", "Place__Other__s", "Place__Other__s");
        check("Site__c", "__Street__s", "__Street__s");
    }

    #[test]
    fn parts_of_structs_start_with_a_capital() {
        check("Lead", "Address.postalCode", "Address.PostalCode");
        check("Lead", "address.city", "address.City");
        check("X", "a.b.c", "a.B.C");
        assert_eq!(child(&Path::new("Address"), "geocodeAccuracy").as_str(), "Address.GeocodeAccuracy");
    }

    proptest! {
        #[test]
        fn a_canonical_path_is_its_own(
            object in prop::sample::select(vec!["Account", "Lead", "User", "Contact", "Quote", "Site__c"]),
            field in "(Billing|Other|PersonOther|X__|x)?(Street|City|FirstName|Latitude)?(__s|__c)?(\\.(street|\u{df}x|B|))*|.*",
        ) {
            let once = canonical(object, &field);
            prop_assert_eq!(canonical(object, once.as_str()), once);
        }
    }
}
