//! The queries, put together from names, ids and times only. Nothing else can get into one.
//!
//! Conditions are joined by `AND`, so that every index of Salesforce can be used.

use std::fmt;

use annals_domain::identity::ExternalId;
use annals_domain::timestamp::Timestamp;

use crate::failure::{Failure, FailureKind};

/// The name of an object or a field: letters, digits, `_` and `.`.
pub(crate) fn check_name(name: &str) -> Result<(), Failure> {
    let is_name =
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'));
    if is_name {
        Ok(())
    } else {
        Err(Failure::new(FailureKind::Rejected, format!("invalid name `{name}`: expected letters, digits and _")))
    }
}

/// One condition on the records of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Condition {
    IdAfter(String),
    IdUpTo(String),
    Ids(Vec<String>),
    StampUpTo(Timestamp),
    StampAfter(Timestamp),
    StampFrom(Timestamp),
    StampIs(Timestamp),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Id,
    StampAndId,
}

/// A query without its fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source<'a> {
    pub(crate) object: &'a str,
    /// The field that the conditions on the stamp mean.
    pub(crate) stamp: &'a str,
    pub(crate) conditions: Vec<Condition>,
    pub(crate) order: Option<Order>,
    pub(crate) limit: Option<usize>,
}

impl Source<'_> {
    pub(crate) fn select(&self, fields: &[&str]) -> String {
        format!("SELECT {}{self}", fields.join(","))
    }

    pub(crate) fn count(&self) -> String {
        format!("SELECT COUNT(){self}")
    }
}

impl fmt::Display for Source<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " FROM {}", self.object)?;
        for (index, condition) in self.conditions.iter().enumerate() {
            f.write_str(if index == 0 { " WHERE " } else { " AND " })?;
            condition.write(f, self.stamp)?;
        }
        match self.order {
            None => {}
            Some(Order::Id) => f.write_str(" ORDER BY Id")?,
            Some(Order::StampAndId) => write!(f, " ORDER BY {},Id", self.stamp)?,
        }
        self.limit.map_or(Ok(()), |limit| write!(f, " LIMIT {limit}"))
    }
}

impl Condition {
    fn write(&self, f: &mut fmt::Formatter<'_>, stamp: &str) -> fmt::Result {
        match self {
            Self::IdAfter(id) => write!(f, "Id > '{id}'"),
            Self::IdUpTo(id) => write!(f, "Id <= '{id}'"),
            Self::Ids(ids) => write!(f, "Id IN ('{}')", ids.join("','")),
            Self::StampUpTo(at) => write!(f, "{stamp} <= {at}"),
            Self::StampAfter(at) => write!(f, "{stamp} > {at}"),
            Self::StampFrom(at) => write!(f, "{stamp} >= {at}"),
            Self::StampIs(at) => write!(f, "{stamp} = {at}"),
        }
    }
}

/// Ids as a query can name them; fails at the first that is none.
pub(crate) fn check_ids<'a>(ids: impl IntoIterator<Item = &'a ExternalId>) -> Result<Vec<String>, Failure> {
    let check = |id: &ExternalId| {
        let text = id.as_str();
        let is_id = matches!(text.len(), 15 | 18) && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if is_id {
            Ok(text.to_owned())
        } else {
            Err(Failure::new(FailureKind::Rejected, format!("invalid id `{text}`")))
        }
    };
    ids.into_iter().map(check).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_has_its_conditions_order_and_limit() {
        let at: Timestamp = "2026-01-01T00:00:00.000Z".parse().unwrap();
        let source = Source {
            object: "Account",
            stamp: "SystemModstamp",
            conditions: vec![Condition::StampUpTo(at), Condition::IdAfter("001A".to_owned())],
            order: Some(Order::Id),
            limit: Some(200),
        };
        assert_eq!(
            source.select(&["Id", "Name"]),
            "SELECT Id,Name FROM Account WHERE SystemModstamp <= 2026-01-01T00:00:00Z AND Id > '001A' ORDER BY Id LIMIT 200"
        );
        let ids = Condition::Ids(vec!["001A".to_owned(), "001B".to_owned()]);
        let counted = Source { conditions: vec![ids], order: None, limit: None, ..source };
        assert_eq!(counted.count(), "SELECT COUNT() FROM Account WHERE Id IN ('001A','001B')");
    }

    #[test]
    fn only_names_and_ids_get_into_a_query() {
        for name in ["Name", "Order__c", "ns__X__c", "Owner.Name"] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        for name in ["", "Name FROM User", "Name'", "a,b", "é"] {
            assert!(check_name(name).is_err(), "{name}");
        }
        let ids = |id: &str| check_ids([&ExternalId::new(id)]);
        assert!(ids("0015f00000AAAAAAA1").is_ok() && ids("0015f00000AAAAA").is_ok());
        assert!(ids("x' OR Id != '").is_err() && ids("1").is_err());
    }
}
