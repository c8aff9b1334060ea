//! Bitmaps: the Pub/Sub form lists fields by their index in the schema.
//!
//! A field is found by the order of the body's keys, if the header comes first and every bit selects a field. JSON does
//! not guarantee that this order is the schema's, so the caller checks the result against the values.

use super::avro;
use super::envelope::HEADER;
use annals_json::{Json, Object};

#[derive(Debug, PartialEq)]
pub(super) struct BitmapField<'a> {
    /// `Parent.Child` for a component of a compound field.
    pub(super) name: String,
    pub(super) value: &'a Json<'a>,
}

/// The top-level fields of a body in order. The header has index 0.
pub(super) struct FieldLayout<'a> {
    fields: Vec<(&'a str, &'a Json<'a>)>,
}

/// With fewer fields, names may be in alphabetical order by chance. No object has so few.
const FEWEST_SORTED: usize = 3;

/// Whether the fields are in alphabetical order. No schema is: `CreatedDate` comes before `CreatedById` in all of them.
fn is_sorted(fields: &[(&str, &Json<'_>)]) -> bool {
    let position = |name: &str| fields.iter().position(|(key, _)| *key == name);
    let has_sorted_audit_fields = match (position("CreatedById"), position("CreatedDate")) {
        (Some(by), Some(date)) => by < date,
        _ => false,
    };
    let in_order =
        || fields.is_sorted_by_key(|(key, _)| *key) || fields.is_sorted_by_key(|(key, _)| key.to_ascii_lowercase());
    has_sorted_audit_fields || (fields.len() >= FEWEST_SORTED && in_order())
}

/// Whether an entry of a field list is a bitmap: `0x400080`, or `4-0x01` for the components of field 4.
pub(super) fn is_bitmap(entry: &str) -> bool {
    let hex = entry.split_once('-').filter(|(parent, _)| is_number(parent)).map_or(entry, |(_, hex)| hex);
    hex.starts_with("0x") || hex.starts_with("0X")
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

impl<'a> FieldLayout<'a> {
    /// `None` if the order of the payload's keys cannot be the schema's: the header is not the first, or something has
    /// sorted the keys.
    pub(super) fn of(payload: &'a Object<'a>) -> Option<Self> {
        let fields: Vec<_> = payload.iter().collect();
        let (first, others) = fields.split_first()?;
        (first.0 == HEADER && !is_sorted(others)).then_some(Self { fields })
    }

    /// The fields that a bitmap selects; `None` if it cannot be a bitmap of this layout.
    pub(super) fn fields(&self, bitmap: &str) -> Option<Vec<BitmapField<'a>>> {
        match bitmap.split_once('-') {
            None => bits(bitmap)?.into_iter().map(|index| self.field(index)).collect(),
            Some((parent, hex)) => {
                let parent = self.field(parent.parse().ok()?)?;
                let parts: Vec<_> = avro::inside(parent.value).as_object()?.iter().collect();
                let part = |index: usize| {
                    let (key, value) = parts.get(index)?;
                    Some(BitmapField { name: format!("{}.{key}", parent.name), value })
                };
                bits(hex)?.into_iter().map(part).collect()
            }
        }
    }

    fn field(&self, index: usize) -> Option<BitmapField<'a>> {
        let (name, value) = self.fields.get(index).filter(|_| index > 0)?;
        Some(BitmapField { name: (*name).to_owned(), value })
    }
}

/// The indices of the set bits, the lowest first.
fn bits(hex: &str) -> Option<Vec<usize>> {
    let digits = hex.strip_prefix("0x").or_else(|| hex.strip_prefix("0X")).filter(|digits| !digits.is_empty())?;
    let mut bits = Vec::new();
    for (index, digit) in digits.chars().rev().enumerate() {
        let digit = digit.to_digit(16)?;
        bits.extend((0..4).filter(|bit| digit >> bit & 1 == 1).map(|bit| index * 4 + bit));
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
        let fields = FieldLayout::of(body.as_object().unwrap()).unwrap().fields(bitmap);
        let names = fields.map(|fields| fields.into_iter().map(|field| field.name).collect::<Vec<_>>());
        assert_eq!(names, expected.map(|names| names.iter().map(|n| (*n).to_owned()).collect()), "{bitmap}");
    }

    #[test]
    fn a_bit_is_the_index_of_a_field_and_the_header_has_index_0() {
        check("0x02", Some(&["Name"]));
        check("0x24", Some(&["Type", "Phone"]));
        check("0x0000000000000000000000000000000000002", Some(&["Name"]));
        check("0x0", Some(&[]));
    }

    #[test]
    fn a_parent_index_selects_components_of_a_compound_field() {
        check("4-0x01", Some(&["BillingAddress.Street"]));
        check("4-0x3", Some(&["BillingAddress.Street", "BillingAddress.City"]));
    }

    #[test]
    fn a_bit_without_a_field_makes_the_bitmap_invalid() {
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
    fn there_is_no_layout_unless_the_header_is_the_first_key() {
        let body = json::read(r#"{"Name":1,"ChangeEventHeader":null}"#).unwrap();
        assert!(FieldLayout::of(body.as_object().unwrap()).is_none());
    }

    #[test]
    fn a_bitmap_is_recognised_among_names() {
        assert!(["0x0", "0X1", "4-0x01", "0xzz"].into_iter().all(is_bitmap));
        assert!(!["Name", "x0", "", "A-0x1", "4-Name", "-0x1"].into_iter().any(is_bitmap));
    }
}
