//! What an object consists of, as its description says.

use serde_json::{Map, Value, json};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    Id,
    Text,
    /// A text that cannot be filtered.
    LongText,
    Picklist,
    Boolean,
    Int,
    Double,
    Currency,
    Percent,
    Date,
    Datetime,
    Reference,
    /// A compound field: its parts are fields too, with the compound's name without `Address` in front.
    Address,
}

impl FieldKind {
    pub(crate) fn describe_type(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Text => "string",
            Self::LongText => "textarea",
            Self::Picklist => "picklist",
            Self::Boolean => "boolean",
            Self::Int => "int",
            Self::Double => "double",
            Self::Currency => "currency",
            Self::Percent => "percent",
            Self::Date => "date",
            Self::Datetime => "datetime",
            Self::Reference => "reference",
            Self::Address => "address",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldSchema {
    pub name: String,
    pub kind: FieldKind,
    /// A formula or a roll-up: it has no history and moves no stamp.
    pub calculated: bool,
    /// Whether field-level security lets the reader see it.
    pub readable: bool,
}

impl FieldSchema {
    pub fn new(name: impl Into<String>, kind: FieldKind) -> Self {
        Self { name: name.into(), kind, calculated: false, readable: true }
    }

    #[must_use]
    pub fn calculated(mut self) -> Self {
        self.calculated = true;
        self
    }

    fn describe(&self, compounds: &[&str]) -> Value {
        let compound = compounds.iter().find(|compound| is_part(&self.name, compound));
        json!({
            "name": self.name,
            "label": self.name,
            "type": self.kind.describe_type(),
            "calculated": self.calculated,
            "compoundFieldName": compound,
            "filterable": !matches!(self.kind, FieldKind::LongText | FieldKind::Address),
            "nillable": self.kind != FieldKind::Id,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectSchema {
    pub name: String,
    /// The first three characters of its records' ids.
    pub key_prefix: String,
    pub fields: Vec<FieldSchema>,
}

impl ObjectSchema {
    /// An object with Salesforce's own fields and these.
    pub fn new(
        name: impl Into<String>,
        key_prefix: impl Into<String>,
        fields: impl IntoIterator<Item = FieldSchema>,
    ) -> Self {
        let own = [
            FieldSchema::new("Id", FieldKind::Id),
            FieldSchema::new("IsDeleted", FieldKind::Boolean),
            FieldSchema::new("MasterRecordId", FieldKind::Reference),
            FieldSchema::new("CreatedDate", FieldKind::Datetime),
            FieldSchema::new("LastModifiedDate", FieldKind::Datetime),
            FieldSchema::new("SystemModstamp", FieldKind::Datetime),
        ];
        Self { name: name.into(), key_prefix: key_prefix.into(), fields: own.into_iter().chain(fields).collect() }
    }

    /// The field of that name, whatever its case, unless it is hidden.
    pub(crate) fn readable(&self, name: &str) -> Option<&FieldSchema> {
        self.fields.iter().find(|field| field.readable && field.name.eq_ignore_ascii_case(name))
    }

    pub(crate) fn field_mut(&mut self, name: &str) -> &mut FieldSchema {
        self.fields.iter_mut().find(|field| field.name == name).expect("a field of the object")
    }

    /// The fields as Salesforce keeps them: a number of a type with a fraction shows one.
    pub(crate) fn typed(&self, mut fields: Map<String, Value>) -> Map<String, Value> {
        for (name, value) in &mut fields {
            let kind = self.fields.iter().find(|field| field.name == *name).map(|field| field.kind);
            let has_fraction = matches!(kind, Some(FieldKind::Double | FieldKind::Currency | FieldKind::Percent));
            if let Some(whole) = value.as_i64().filter(|_| has_fraction) {
                *value = serde_json::from_str(&format!("{whole}.0")).expect("a number");
            }
        }
        fields
    }

    pub(crate) fn describe(&self) -> Value {
        let readable = || self.fields.iter().filter(|field| field.readable);
        let addresses = readable().filter(|field| field.kind == FieldKind::Address);
        let compounds: Vec<&str> = addresses.map(|field| field.name.as_str()).collect();
        let fields: Vec<Value> = readable().map(|field| field.describe(&compounds)).collect();
        json!({
            "name": self.name,
            "label": self.name,
            "keyPrefix": self.key_prefix,
            "custom": self.name.ends_with("__c"),
            "queryable": true,
            "fields": fields,
        })
    }
}

/// The parts of an address, as fields are called and as the compound value calls them.
pub(crate) const ADDRESS_PARTS: [(&str, &str); 5] =
    [("Street", "street"), ("City", "city"), ("State", "state"), ("PostalCode", "postalCode"), ("Country", "country")];

fn is_part(field: &str, compound: &str) -> bool {
    let part = compound.strip_suffix("Address").and_then(|prefix| field.strip_prefix(prefix));
    part.is_some_and(|part| ADDRESS_PARTS.iter().any(|(name, _)| *name == part))
}
