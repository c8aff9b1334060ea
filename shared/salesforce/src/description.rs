//! What an object consists of, as the org describes it to this user: fields that are hidden are not among them.

use annals_application::ports;
use annals_domain::timestamp::Timestamp;
use serde::Deserialize;

use crate::connection::{Call, Connection};
use crate::failure::{Failure, FailureKind};
use crate::soql::check_name;

/// How a field's text in CSV becomes JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldType {
    /// Texts of all kinds, also dates and ids: never guessed to be anything else.
    Text,
    Boolean,
    Number,
    Datetime,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldDescription {
    pub(crate) name: String,
    pub(crate) field_type: FieldType,
    /// A formula or a roll-up.
    pub(crate) calculated: bool,
    /// The compound field that it is a part of.
    compound: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Description {
    pub(crate) name: String,
    /// The fields that a query can select in REST and in Bulk alike: compound fields are read by their parts.
    pub(crate) fields: Vec<FieldDescription>,
    /// The names of compound fields.
    compounds: Vec<String>,
}

#[derive(Deserialize)]
struct DescribeResponse {
    name: String,
    #[serde(default = "yes")]
    queryable: bool,
    fields: Vec<DescribedField>,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DescribedField {
    name: String,
    #[serde(rename = "type")]
    field_type: String,
    #[serde(default)]
    calculated: bool,
    compound_field_name: Option<String>,
}

/// Describes an object now.
pub(crate) async fn read(connection: &Connection, object: &str) -> Result<(Description, Timestamp), Failure> {
    check_name(object)?;
    let call = Call::get(format!("/sobjects/{object}/describe"));
    let described = connection.json::<DescribeResponse>(&call).await;
    let (response, at) = described.map_err(|failure| match failure.kind {
        FailureKind::NotFound => Failure { kind: FailureKind::ObjectMissing, ..failure },
        _ => failure,
    })?;
    if !response.queryable {
        return Err(Failure::new(FailureKind::ObjectMissing, "the object cannot be queried"));
    }
    Ok((response.into(), at))
}

impl From<DescribeResponse> for Description {
    fn from(response: DescribeResponse) -> Self {
        let mut description = Self { name: response.name, fields: Vec::new(), compounds: Vec::new() };
        for DescribedField { name, field_type, calculated, compound_field_name: compound } in response.fields {
            let field_type = match field_type.as_str() {
                "base64" => continue,
                "address" | "location" => {
                    description.compounds.push(name);
                    continue;
                }
                "boolean" => FieldType::Boolean,
                "int" | "long" | "double" | "currency" | "percent" => FieldType::Number,
                "datetime" => FieldType::Datetime,
                _ => FieldType::Text,
            };
            description.fields.push(FieldDescription { name, field_type, calculated, compound });
        }
        description
    }
}

impl FieldDescription {
    pub(crate) fn compound(&self) -> Option<&str> {
        self.compound.as_deref()
    }
}

impl Description {
    pub(crate) fn field(&self, name: &str) -> Option<&FieldDescription> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// Whether the object has a field of that name, compound ones included.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.field(name).is_some() || self.compounds.iter().any(|compound| compound == name)
    }

    /// As the port describes it. Files are left out: no query selects them.
    pub(crate) fn to_port(&self) -> Vec<ports::FieldDescription> {
        let field = |name: &str, is_calculated: bool, is_compound: bool| ports::FieldDescription {
            name: name.to_owned(),
            is_calculated,
            is_compound,
        };
        let simple = self.fields.iter().map(|it| field(&it.name, it.calculated, false));
        simple.chain(self.compounds.iter().map(|name| field(name, false, true))).collect()
    }

    /// The field that says when a record changed last: by anything, else by a user, else by its creation.
    pub(crate) fn stamp(&self) -> Option<&'static str> {
        ["SystemModstamp", "LastModifiedDate", "CreatedDate"].into_iter().find(|name| self.field(name).is_some())
    }
}
