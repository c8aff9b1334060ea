//! Requests for lists, as callers state them.

use std::str::FromStr;

use super::operator::Operator;

/// A request for a list of entities. A parameter that is `None` has its default.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListRequest {
    /// Words that must all occur in the entity's search text.
    pub search_term: Option<String>,
    /// All of them must match.
    pub filters: Vec<FilterRequest>,
    /// Whether deleted entities are included. A filter on `is_deleted` includes them too.
    pub include_deleted: bool,
    /// Field names separated by commas, each with a leading `-` for descending order. Default:
    /// `-created_at`.
    pub sort: Option<String>,
    /// The number of the page, from 1. Default: 1. The page must start before result
    /// [`MAX_PAGE_OFFSET`](super::MAX_PAGE_OFFSET).
    pub page: Option<u64>,
    /// Where the page starts, in place of a number: the cursor of an earlier page's `next`, or empty for the first
    /// page.
    pub cursor: Option<String>,
    /// The number of entities on a page, from 1 to [`MAX_PAGE_SIZE`](super::MAX_PAGE_SIZE). Default:
    /// [`DEFAULT_PAGE_SIZE`](super::DEFAULT_PAGE_SIZE).
    pub page_size: Option<u64>,
    /// The names of the fields that each entity has, separated by commas. Default: all.
    pub fields: Option<String>,
}

/// A filter, as a request states it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterRequest {
    /// The name of the field.
    pub field: String,
    /// How the field is compared.
    pub operator: Operator,
    /// What it is compared with.
    pub value: String,
}

/// A text that is no filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFilter {
    /// It has fewer than three parts.
    #[error("invalid value `{0}`: expected {{field}}:{{operator}}:{{value}}, such as status:eq:Active")]
    Parts(String),
    /// The second part is no operator.
    #[error(transparent)]
    Operator(#[from] super::operator::UnknownOperator),
}

impl FilterRequest {
    /// The filter for one value of a field.
    pub fn equals(field: impl Into<String>, value: impl Into<String>) -> Self {
        Self { field: field.into(), operator: Operator::Eq, value: value.into() }
    }
}

impl FromStr for FilterRequest {
    type Err = InvalidFilter;

    /// Splits at the first two colons: a value may have more of them.
    fn from_str(text: &str) -> Result<Self, InvalidFilter> {
        let mut parts = text.splitn(3, ':');
        let (Some(field), Some(operator), Some(value)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(InvalidFilter::Parts(text.chars().take(100).collect()));
        };
        Ok(Self { field: field.to_owned(), operator: operator.parse()?, value: value.to_owned() })
    }
}

/// Splits at commas. `\,` is a comma inside a part, and any other backslash is itself.
pub(super) fn split_at_commas(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let is_escaped = character == '\\' && characters.next_if_eq(&',').is_some();
        match (character, parts.last_mut()) {
            (',', _) => parts.push(String::new()),
            (other, Some(part)) => part.push(if is_escaped { ',' } else { other }),
            (_, None) => {}
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_filter(text: &str, expected: Result<(&str, Operator, &str), &str>) {
        let parsed = text.parse::<FilterRequest>();
        let found = parsed.as_ref().map(|filter| (&*filter.field, filter.operator, &*filter.value));
        assert_eq!(found.map_err(ToString::to_string), expected.map_err(str::to_owned), "{text}");
    }

    #[test]
    fn a_filter_is_split_at_the_first_two_colons() {
        check_filter("created_at:gte:2024-04-09T20:19:25Z", Ok(("created_at", Operator::Gte, "2024-04-09T20:19:25Z")));
        check_filter("name:eq:", Ok(("name", Operator::Eq, "")));
        check_filter(":ne::", Ok(("", Operator::Ne, ":")));
        check_filter(
            "name:eq",
            Err("invalid value `name:eq`: expected {field}:{operator}:{value}, such as status:eq:Active"),
        );
        check_filter(
            "name:is:x",
            Err("unknown operator `is`: expected one of eq, ne, in, gt, gte, lt, lte, contains, prefix, exists"),
        );
        check_filter(
            "name:EQ:x",
            Err("unknown operator `EQ`: expected one of eq, ne, in, gt, gte, lt, lte, contains, prefix, exists"),
        );
    }

    #[track_caller]
    fn check_split(text: &str, expected: &[&str]) {
        assert_eq!(split_at_commas(text), expected, "{text}");
    }

    #[test]
    fn a_backslash_escapes_only_a_comma() {
        check_split("", &[""]);
        check_split("a,b", &["a", "b"]);
        check_split("a\\,b,c", &["a,b", "c"]);
        check_split("a\\b\\\\,c\\", &["a\\b\\,c\\"]);
        check_split(",", &["", ""]);
    }
}
