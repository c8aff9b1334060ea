//! The fields that a read selects.

use crate::description::Description;
use crate::failure::{Failure, FailureKind};
use crate::soql::check_name;

/// Read with every record, if the object has them: its identity, its life and its times.
const SYSTEM_FIELDS: [&str; 6] =
    ["Id", "SystemModstamp", "LastModifiedDate", "CreatedDate", "IsDeleted", "MasterRecordId"];

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Selection<'a> {
    /// In the order of the description, each once.
    pub(crate) fields: Vec<&'a str>,
    pub(crate) stamp: &'a str,
}

impl<'a> Selection<'a> {
    /// The named fields, and the system's. A compound field is read by its parts. Fails with all names that the object
    /// has no field for.
    pub(crate) fn of(description: &'a Description, names: &[String]) -> Result<Self, Failure> {
        names.iter().try_for_each(|name| check_name(name))?;
        let missing: Vec<String> = names.iter().filter(|name| !description.has(name)).cloned().collect();
        if !missing.is_empty() {
            return Err(missing_fields(description, missing));
        }
        let is_selected = |field: &crate::description::FieldDescription| {
            let is_named = |name: &str| names.iter().any(|other| other == name);
            SYSTEM_FIELDS.contains(&field.name.as_str())
                || is_named(&field.name)
                || field.compound().is_some_and(is_named)
        };
        let selected = description.fields.iter().filter(|field| is_selected(field));
        let fields: Vec<&str> = selected.map(|field| field.name.as_str()).collect();
        fields.iter().try_for_each(|name| check_name(name))?;
        if !fields.contains(&"Id") {
            return Err(missing_fields(description, vec!["Id".to_owned()]));
        }
        let stamp = description.stamp();
        let stamp = stamp.ok_or_else(|| missing_fields(description, vec!["SystemModstamp".to_owned()]))?;
        Ok(Self { fields, stamp })
    }

    /// What every query of the read selects.
    pub(crate) fn always(&self) -> Vec<&'a str> {
        let stamp = self.stamp;
        self.fields.iter().copied().filter(|name| *name == "Id" || *name == "IsDeleted" || *name == stamp).collect()
    }
}

fn missing_fields(description: &Description, fields: Vec<String>) -> Failure {
    let message =
        format!("`{}` has no field `{}`, or this user may not read it", description.name, fields.join("`, `"));
    Failure::new(FailureKind::FieldsMissing(fields), message)
}
