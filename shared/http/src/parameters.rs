//! The parameters of a request: the variable segments of its path, and its query.
//!
//! No query parameter is ignored: one that is unknown, repeated or invalid is an error that names what is expected,
//! and all errors of a request are reported together.

use annals_domain::timestamp::Timestamp;
use annals_domain::validation_issue::ValidationIssue;
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;

use crate::problem::{Problem, ProblemKind};

/// The decoded variable segments of the path: one, or a tuple.
#[derive(Debug)]
pub(crate) struct PathParameters<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for PathParameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let invalid = |_| Problem::new(ProblemKind::InvalidRequest, "the percent-decoded path is not UTF-8");
        let Path(segments) = Path::from_request_parts(parts, state).await.map_err(invalid)?;
        Ok(Self(segments))
    }
}

/// The most bytes of a query without its cursor.
const MAX_QUERY_BYTES: usize = 16 * 1024;
/// The most bytes of a cursor: it repeats the values by which the list is sorted.
const MAX_CURSOR_BYTES: usize = 48 * 1024;

/// The largest number in a query: every program that reads JSON has it exactly.
pub(crate) const MAX_NUMBER: u64 = (1 << 53) - 1;

/// The decoded query parameters, in the order of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    pub(crate) fn read(query: Option<&str>) -> Result<Self, Problem> {
        let words = query.unwrap_or_default().split('&').filter(|word| !word.is_empty());
        check_length(words.clone())?;
        let pairs: Result<_, _> = words.map(pair).collect();
        pairs.map(Self).map_err(|_| Problem::new(ProblemKind::InvalidRequest, "the percent-decoded query is not UTF-8"))
    }

    pub(crate) fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    pub(crate) fn has_any(&self, names: &[&str]) -> bool {
        self.0.iter().any(|(name, _)| names.contains(&name.as_str()))
    }

    /// The query string with one parameter in place of those with the `replaced` names.
    pub(crate) fn replacing(&self, replaced: &[&str], name: &str, value: &str) -> String {
        let others = self.0.iter().filter(|(other, _)| !replaced.contains(&other.as_str()));
        let pairs = others.map(|(name, value)| (name.as_str(), value.as_str())).chain([(name, value)]);
        form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
    }
}

/// Refuses a query that no link of a page could repeat.
fn check_length<'a>(words: impl Iterator<Item = &'a str>) -> Result<(), Problem> {
    let (cursors, others): (Vec<&str>, Vec<&str>) = words.partition(|word| word.starts_with("cursor="));
    for (what, words, max) in [("query", others, MAX_QUERY_BYTES), ("cursor", cursors, MAX_CURSOR_BYTES)] {
        let bytes: usize = words.iter().map(|word| word.len() + 1).sum();
        if bytes > max {
            let message = format!("{bytes} bytes: expected at most {max}");
            return Err(Problem::invalid(vec![ValidationIssue::new(what, message)]));
        }
    }
    Ok(())
}

fn pair(word: &str) -> Result<(String, String), std::str::Utf8Error> {
    let (name, value) = word.split_once('=').unwrap_or((word, ""));
    let decode = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_decode_str(&spaced).decode_utf8().map(std::borrow::Cow::into_owned)
    };
    Ok((decode(name)?, decode(value)?))
}

/// The time of day that a date without a time stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DayEnd {
    First,
    Last,
}

/// Reads query parameters one by one and collects the errors.
#[derive(Debug)]
pub(crate) struct ParameterReader<'a> {
    parameters: &'a Parameters,
    errors: Vec<ValidationIssue>,
}

impl<'a> ParameterReader<'a> {
    pub(crate) fn new(parameters: &'a Parameters) -> Self {
        Self { parameters, errors: Vec::new() }
    }

    /// A parameter that may appear once.
    pub(crate) fn text(&mut self, name: &str) -> Option<&'a str> {
        let mut values = self.parameters.0.iter().filter(|(other, _)| other == name).map(|(_, value)| value.as_str());
        let first = values.next();
        if values.next().is_some() {
            self.add_error(name, "repeated: expected at most once");
        }
        first
    }

    pub(crate) fn number(&mut self, name: &str) -> Option<u64> {
        let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let number = |text: &str| text.parse().ok().filter(|number| is_plain(text) && *number <= MAX_NUMBER);
        self.parsed(name, &format!("a whole number such as 1, at most {MAX_NUMBER}"), number)
    }

    pub(crate) fn bool(&mut self, name: &str) -> Option<bool> {
        self.parsed(name, "true or false", |text| text.parse().ok())
    }

    /// A timestamp, or a date in UTC.
    pub(crate) fn timestamp(&mut self, name: &str, end: DayEnd) -> Option<Timestamp> {
        let expected = "a timestamp such as 2024-04-09T20:19:25Z (with %2B for a + in its offset), or a date";
        self.parsed(name, expected, |text| timestamp(text, end))
    }

    /// A parameter that `parse` converts; `None` from it is an error that names what is `expected`.
    pub(crate) fn parsed<T>(&mut self, name: &str, expected: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let text = self.text(name)?;
        let value = parse(text);
        if value.is_none() {
            self.add_error(name, format!("invalid value `{text}`: expected {expected}"));
        }
        value
    }

    pub(crate) fn add_error(&mut self, name: &str, message: impl Into<String>) {
        self.errors.push(ValidationIssue::new(name, message));
    }

    /// Adds an error for every parameter that is not among `known`.
    pub(crate) fn allow_only(&mut self, known: &[&str]) {
        let expected = match known {
            [] => "this route has no parameters".to_owned(),
            known => format!("expected one of {}", known.join(", ")),
        };
        for (name, _) in self.parameters.pairs().iter().filter(|(name, _)| !known.contains(&name.as_str())) {
            self.add_error(name, format!("unknown parameter: {expected}"));
        }
    }

    /// The value, or a problem with all errors.
    pub(crate) fn finish<T>(self, value: T) -> Result<T, Problem> {
        if self.errors.is_empty() { Ok(value) } else { Err(Problem::invalid(self.errors)) }
    }
}

/// Refuses every query parameter, for routes that have none.
pub(crate) fn no_parameters(query: Option<&str>) -> Result<(), Problem> {
    let parameters = Parameters::read(query)?;
    let mut reader = ParameterReader::new(&parameters);
    reader.allow_only(&[]);
    reader.finish(())
}

/// A timestamp, or a date in UTC.
pub(crate) fn timestamp(text: &str, end: DayEnd) -> Option<Timestamp> {
    // `YYYY-MM-DD` has ten characters, and every timestamp has more.
    let (is_date, time) = (text.len() == 10, if end == DayEnd::First { "00:00:00" } else { "23:59:59.999" });
    if is_date { format!("{text}T{time}Z").parse().ok() } else { text.parse().ok() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(query: &str) -> Parameters {
        Parameters::read(Some(query)).unwrap()
    }

    #[track_caller]
    fn check(query: &str, pairs: &[(&str, &str)]) {
        let expected: Vec<_> = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        assert_eq!(read(query).0, expected, "{query}");
    }

    #[test]
    fn parameters_are_decoded_and_keep_their_order() {
        check("b=1&a=2&b=3", &[("b", "1"), ("a", "2"), ("b", "3")]);
        check("q=a+b%20c%2B&x=%C3%A9", &[("q", "a b c+"), ("x", "é")]);
        check("&&a&b=&=c=d&", &[("a", ""), ("b", ""), ("", "c=d")]);
        check("", &[]);
    }

    #[test]
    fn a_query_that_is_not_utf8_is_refused() {
        assert!(Parameters::read(Some("q=%FF")).is_err());
    }

    #[test]
    fn a_query_that_no_link_could_repeat_is_refused() {
        let (filter, cursor) = ("x".repeat(16_000), "c".repeat(40_000));
        assert!(Parameters::read(Some(&format!("name={filter}&cursor={cursor}"))).is_ok());
        for (query, expected) in [
            (format!("name={}", "x".repeat(100_000)), "query: 100006 bytes: expected at most 16384"),
            (format!("a&cursor={}", "c".repeat(50_000)), "cursor: 50008 bytes: expected at most 49152"),
        ] {
            let problem = Parameters::read(Some(&query)).unwrap_err();
            assert_eq!(problem.errors()[0].to_string(), expected);
        }
    }

    #[track_caller]
    fn check_timestamp(text: &str, end: DayEnd, expected: Option<&str>) {
        assert_eq!(timestamp(text, end).map(|timestamp| timestamp.to_string()).as_deref(), expected, "{text}");
    }

    #[test]
    fn a_date_is_its_first_or_last_millisecond() {
        check_timestamp("2024-04-09", DayEnd::First, Some("2024-04-09T00:00:00Z"));
        check_timestamp("2024-04-09", DayEnd::Last, Some("2024-04-09T23:59:59.999Z"));
        check_timestamp("2024-04-09T22:00:00+02:00", DayEnd::Last, Some("2024-04-09T20:00:00Z"));
        check_timestamp("2024-02-30", DayEnd::First, None);
        check_timestamp("2024-04-09T22:00:00", DayEnd::First, None);
    }

    #[test]
    fn all_errors_are_reported_together() {
        let parameters = read("page=x&raw=1&page_size=2&page_size=3&other=1&from_date=yesterday");
        let mut reader = ParameterReader::new(&parameters);
        reader.number("page");
        reader.number("page_size");
        reader.bool("raw");
        reader.timestamp("from_date", DayEnd::First);
        reader.allow_only(&["page", "page_size", "raw", "from_date"]);
        let problem = reader.finish(()).unwrap_err();
        let lines: Vec<_> = problem.errors().iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(lines.join("\n"), @"
        page: invalid value `x`: expected a whole number such as 1, at most 9007199254740991
        page_size: repeated: expected at most once
        raw: invalid value `1`: expected true or false
        from_date: invalid value `yesterday`: expected a timestamp such as 2024-04-09T20:19:25Z (with %2B for a + in its offset), or a date
        other: unknown parameter: expected one of page, page_size, raw, from_date
        ");
    }

    #[test]
    fn a_number_has_only_digits() {
        for text in ["%2B1", "-1", "1.0", "", "9007199254740992", "18446744073709551616", "1%20"] {
            let parameters = read(&format!("page={text}"));
            let mut reader = ParameterReader::new(&parameters);
            assert_eq!(reader.number("page"), None, "{text}");
            assert!(reader.finish(()).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_link_keeps_the_other_parameters(pairs in prop::collection::vec((".*", ".*"), 0..5), page in 1u64..99) {
            let page = page.to_string();
            let given = Parameters(pairs.clone());
            let mut expected: Vec<_> = pairs.into_iter().filter(|(name, _)| name != "page").collect();
            expected.push(("page".to_owned(), page.clone()));
            prop_assert_eq!(Parameters::read(Some(&given.replacing(&["page"], "page", &page))).unwrap().0, expected);
        }
    }
}
