//! A request's query parameters, as pairs and one by one.
//!
//! Promises that nothing is passed over: a parameter that is not asked for, comes twice, or does
//! not fit is an error that names what would fit.

use annals_domain::timestamp::Timestamp;
use annals_domain::validation_issue::ValidationIssue;
use percent_encoding::percent_decode_str;

use crate::problem::{Kind, Problem};

/// The parameters, decoded, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads a query string; what is not UTF-8 once decoded is refused.
    pub(crate) fn read(query: Option<&str>) -> Result<Self, Problem> {
        let words = query.unwrap_or_default().split('&').filter(|word| !word.is_empty());
        let pairs: Result<_, _> = words.map(pair).collect();
        pairs.map(Self).map_err(|_| Problem::new(Kind::InvalidRequest, "the query is not UTF-8 once decoded"))
    }

    /// All pairs.
    pub(crate) fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    /// The query string of the same parameters with `name` at another value.
    pub(crate) fn with(&self, name: &str, value: &str) -> String {
        let others = self.0.iter().filter(|(other, _)| other != name);
        let pairs = others.map(|(name, value)| (name.as_str(), value.as_str())).chain([(name, value)]);
        form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
    }
}

fn pair(word: &str) -> Result<(String, String), std::str::Utf8Error> {
    let (name, value) = word.split_once('=').unwrap_or((word, ""));
    let decode = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_decode_str(&spaced).decode_utf8().map(std::borrow::Cow::into_owned)
    };
    Ok((decode(name)?, decode(value)?))
}

/// Which timestamp of a day a bare date means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DayEnd {
    /// Its first millisecond.
    First,
    /// Its last millisecond.
    Last,
}

/// Takes parameters one by one and gathers what is wrong with them.
#[derive(Debug)]
pub(crate) struct Reading<'a> {
    parameters: &'a Parameters,
    errors: Vec<ValidationIssue>,
}

impl<'a> Reading<'a> {
    /// Of those parameters.
    pub(crate) fn new(parameters: &'a Parameters) -> Self {
        Self { parameters, errors: Vec::new() }
    }

    /// A parameter that may come once.
    pub(crate) fn text(&mut self, name: &str) -> Option<&'a str> {
        let mut values = self.parameters.0.iter().filter(|(other, _)| other == name).map(|(_, value)| value.as_str());
        let first = values.next();
        if values.next().is_some() {
            self.refuse(name, "it comes more than once; once would fit");
        }
        first
    }

    /// A whole number.
    pub(crate) fn number(&mut self, name: &str) -> Option<u64> {
        let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        self.parsed(name, "a whole number such as 1", |text| text.parse().ok().filter(|_| is_plain(text)))
    }

    /// True or false.
    pub(crate) fn bool(&mut self, name: &str) -> Option<bool> {
        self.parsed(name, "true or false", |text| text.parse().ok())
    }

    /// A timestamp, or a day's first or last one in UTC.
    pub(crate) fn timestamp(&mut self, name: &str, end: DayEnd) -> Option<Timestamp> {
        let fitting = "a timestamp such as 2024-04-09T20:19:25Z (with %2B for a + in its offset), or a date,";
        self.parsed(name, fitting, |text| timestamp(text, end))
    }

    /// What `parse` makes of a parameter; where that is nothing, `fitting` says what would do.
    pub(crate) fn parsed<T>(&mut self, name: &str, fitting: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let text = self.text(name)?;
        let value = parse(text);
        if value.is_none() {
            self.refuse(name, format!("`{text}` does not fit; {fitting} would"));
        }
        value
    }

    /// Notes what is wrong with a parameter.
    pub(crate) fn refuse(&mut self, name: &str, message: impl Into<String>) {
        self.errors.push(ValidationIssue::new(name, message));
    }

    /// Refuses every parameter that is none of those.
    pub(crate) fn only(&mut self, known: &[&str]) {
        let fitting = match known {
            [] => "this route takes none".to_owned(),
            known => format!("{} would fit", known.join(", ")),
        };
        for (name, _) in self.parameters.pairs().iter().filter(|(name, _)| !known.contains(&name.as_str())) {
            self.refuse(name, format!("there is no such parameter here; {fitting}"));
        }
    }

    /// The value, if nothing was wrong.
    pub(crate) fn finish<T>(self, value: T) -> Result<T, Problem> {
        if self.errors.is_empty() { Ok(value) } else { Err(Problem::invalid(self.errors)) }
    }
}

/// Refuses whatever a query says, for a route that takes no parameters.
pub(crate) fn no_parameters(query: Option<&str>) -> Result<(), Problem> {
    let parameters = Parameters::read(query)?;
    let mut reading = Reading::new(&parameters);
    reading.only(&[]);
    reading.finish(())
}

/// A timestamp, or a day's first or last one in UTC.
pub(crate) fn timestamp(text: &str, end: DayEnd) -> Option<Timestamp> {
    // `YYYY-MM-DD` has ten characters, and no timestamp is that short.
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
    fn pairs_are_decoded_and_keep_their_order() {
        check("b=1&a=2&b=3", &[("b", "1"), ("a", "2"), ("b", "3")]);
        check("q=a+b%20c%2B&x=%C3%A9", &[("q", "a b c+"), ("x", "é")]);
        check("&&a&b=&=c=d&", &[("a", ""), ("b", ""), ("", "c=d")]);
        check("", &[]);
    }

    #[test]
    fn a_query_that_is_not_utf8_is_refused() {
        assert!(Parameters::read(Some("q=%FF")).is_err());
    }

    #[track_caller]
    fn check_timestamp(text: &str, end: DayEnd, expected: Option<&str>) {
        assert_eq!(timestamp(text, end).map(|timestamp| timestamp.to_string()).as_deref(), expected, "{text}");
    }

    #[test]
    fn a_bare_date_is_its_first_or_last_millisecond() {
        check_timestamp("2024-04-09", DayEnd::First, Some("2024-04-09T00:00:00Z"));
        check_timestamp("2024-04-09", DayEnd::Last, Some("2024-04-09T23:59:59.999Z"));
        check_timestamp("2024-04-09T22:00:00+02:00", DayEnd::Last, Some("2024-04-09T20:00:00Z"));
        check_timestamp("2024-02-30", DayEnd::First, None);
        check_timestamp("2024-04-09T22:00:00", DayEnd::First, None);
    }

    #[test]
    fn everything_wrong_is_named_at_once() {
        let parameters = read("page=x&raw=1&page_size=2&page_size=3&other=1&from_date=yesterday");
        let mut reading = Reading::new(&parameters);
        reading.number("page");
        reading.number("page_size");
        reading.bool("raw");
        reading.timestamp("from_date", DayEnd::First);
        reading.only(&["page", "page_size", "raw", "from_date"]);
        let problem = reading.finish(()).unwrap_err();
        let lines: Vec<_> = problem.errors().iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(lines.join("\n"), @"
        page: `x` does not fit; a whole number such as 1 would
        page_size: it comes more than once; once would fit
        raw: `1` does not fit; true or false would
        from_date: `yesterday` does not fit; a timestamp such as 2024-04-09T20:19:25Z (with %2B for a + in its offset), or a date, would
        other: there is no such parameter here; page, page_size, raw, from_date would fit
        ");
    }

    #[test]
    fn a_number_is_digits_alone() {
        for text in ["%2B1", "-1", "1.0", "", "18446744073709551616", "1%20"] {
            let parameters = read(&format!("page={text}"));
            let mut reading = Reading::new(&parameters);
            assert_eq!(reading.number("page"), None, "{text}");
            assert!(reading.finish(()).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_link_says_what_the_request_said(pairs in prop::collection::vec((".*", ".*"), 0..5), page in 1u64..99) {
            let page = page.to_string();
            let given = Parameters(pairs.clone());
            let mut expected: Vec<_> = pairs.into_iter().filter(|(name, _)| name != "page").collect();
            expected.push(("page".to_owned(), page.clone()));
            prop_assert_eq!(Parameters::read(Some(&given.with("page", &page))).unwrap().0, expected);
        }
    }
}
