//! Bitmaps: how the Pub/Sub form names fields, by their place in the schema.
//!
//! Promises to name a field only where the body's order can be the schema's: the header comes
//! first and every bit falls on a field. Whether the order *is* the schema's is for the caller to
//! check against the values, since JSON does not promise it.

use super::avro;
use super::envelope::HEADER;
use annals_json::{Json, Object};

/// A field that a bitmap names.
#[derive(Debug, PartialEq)]
pub(super) struct Spot<'a> {
    /// Its name, `Parent.Child` for a part of a compound.
    pub(super) name: String,
    /// What the body has there.
    pub(super) value: &'a Json<'a>,
}

/// A body's top-level fields in their order, the header being number 0.
pub(super) struct Layout<'a> {
    fields: Vec<(&'a str, &'a Json<'a>)>,
}

/// Whether an entry of a field list is a bitmap: `0x400080`, or `4-0x01` for parts of field 4.
pub(super) fn is_bitmap(entry: &str) -> bool {
    let hex = entry.split_once('-').filter(|(parent, _)| is_number(parent)).map_or(entry, |(_, hex)| hex);
    hex.starts_with("0x") || hex.starts_with("0X")
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

impl<'a> Layout<'a> {
    /// The layout of a payload; `None` where its first field is not the header.
    pub(super) fn of(payload: &'a Object<'a>) -> Option<Self> {
        let fields: Vec<_> = payload.iter().collect();
        (fields.first()?.0 == HEADER).then_some(Self { fields })
    }

    /// The fields that one bitmap names; `None` where it cannot be one of this layout.
    pub(super) fn spots(&self, bitmap: &str) -> Option<Vec<Spot<'a>>> {
        match bitmap.split_once('-') {
            None => bits(bitmap)?.into_iter().map(|index| self.field(index)).collect(),
            Some((parent, hex)) => {
                let parent = self.field(parent.parse().ok()?)?;
                let parts: Vec<_> = avro::inside(parent.value).as_object()?.iter().collect();
                let part = |index: usize| {
                    let (key, value) = parts.get(index)?;
                    Some(Spot { name: format!("{}.{key}", parent.name), value })
                };
                bits(hex)?.into_iter().map(part).collect()
            }
        }
    }

    fn field(&self, index: usize) -> Option<Spot<'a>> {
        let (name, value) = self.fields.get(index).filter(|_| index > 0)?;
        Some(Spot { name: (*name).to_owned(), value })
    }
}

/// The numbers of the bits that are set, lowest first.
fn bits(hex: &str) -> Option<Vec<usize>> {
    let digits = hex.strip_prefix("0x").or_else(|| hex.strip_prefix("0X")).filter(|digits| !digits.is_empty())?;
    let mut bits = Vec::new();
    for (place, digit) in digits.chars().rev().enumerate() {
        let digit = digit.to_digit(16)?;
        bits.extend((0..4).filter(|bit| digit >> bit & 1 == 1).map(|bit| place * 4 + bit));
    }
    Some(bits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use annals_json as json;

    const BODY: &str = r#"{"ChangeEventHeader":null,"Name":"a","Type":null,"ParentId":null,
        "BillingAddress":{"com.sforce.eventbus.Address":{"Street":"s","City":null}},"Phone":null}"#;

    #[track_caller]
    fn check(bitmap: &str, expected: Option<&[&str]>) {
        let body = json::read(BODY).unwrap();
        let spots = Layout::of(body.as_object().unwrap()).unwrap().spots(bitmap);
        let names = spots.map(|spots| spots.into_iter().map(|spot| spot.name).collect::<Vec<_>>());
        assert_eq!(names, expected.map(|names| names.iter().map(|n| (*n).to_owned()).collect()), "{bitmap}");
    }

    #[test]
    fn a_bit_is_a_fields_place_and_the_header_is_number_0() {
        check("0x02", Some(&["Name"]));
        check("0x24", Some(&["Type", "Phone"]));
        check("0x0000000000000000000000000000000000002", Some(&["Name"]));
        check("0x0", Some(&[]));
    }

    #[test]
    fn a_parent_number_leads_into_a_compound() {
        check("4-0x01", Some(&["BillingAddress.Street"]));
        check("4-0x3", Some(&["BillingAddress.Street", "BillingAddress.City"]));
    }

    #[test]
    fn what_falls_on_no_field_is_no_bitmap_of_this_body() {
        for bitmap in [
            "0x01",
            "0x40",
            "4-0x4",
            "1-0x1",
            "9-0x1",
            "0-0x1",
            "0x",
            "0xg",
            "4-",
            "4-0x1-0x1",
            "99999999999999999999-0x1",
        ] {
            check(bitmap, None);
        }
    }

    #[test]
    fn without_the_header_in_front_there_is_no_layout() {
        let body = json::read(r#"{"Name":1,"ChangeEventHeader":null}"#).unwrap();
        assert!(Layout::of(body.as_object().unwrap()).is_none());
    }

    #[test]
    fn a_bitmap_is_told_from_a_name() {
        assert!(["0x0", "0X1", "4-0x01", "0xzz"].into_iter().all(is_bitmap));
        assert!(!["Name", "x0", "", "A-0x1", "4-Name", "-0x1"].into_iter().any(is_bitmap));
    }
}
