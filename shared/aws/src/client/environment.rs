//! Settings from the environment, read once.
//!
//! Promises that everything that is missing or does not fit is said in one error, with what would.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::str::FromStr;

/// The environment's variables, and what was found wrong with them.
#[derive(Debug, Clone)]
pub struct Environment {
    values: BTreeMap<String, String>,
    problems: Vec<String>,
}

/// What is missing or does not fit.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("the environment does not fit: {}", .0.join("; "))]
pub struct SettingsError(pub Vec<String>);

/// In words: a function that ends with it prints it so.
impl fmt::Debug for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Environment {
    /// This process's variables. One that is no Unicode counts as not set.
    pub fn of_process() -> Self {
        let of_unicode = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self::new(std::env::vars_os().filter_map(of_unicode))
    }

    /// These variables. An empty one counts as not set.
    pub fn new(values: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { values: values.into_iter().collect(), problems: Vec::new() }
    }

    /// A variable that may be missing.
    pub fn optional(&self, name: &str) -> Option<String> {
        self.values.get(name).filter(|value| !is_empty(value)).cloned()
    }

    /// The names that begin so and are empty: to others that read them, that may be another thing than
    /// not set.
    pub fn empty(&self, beginning: &str) -> Vec<String> {
        let begin_so = self.values.iter().filter(|(name, _)| name.starts_with(beginning));
        begin_so.filter(|(_, value)| is_empty(value)).map(|(name, _)| name.clone()).collect()
    }

    /// A variable that must be there; where it is not, that is noted and an empty text stands in.
    pub fn required(&mut self, name: &str) -> String {
        self.optional(name).unwrap_or_else(|| {
            self.problem(format!("{name} is not set"));
            String::new()
        })
    }

    /// A variable as its type; `default` where it is missing, or does not fit and is noted.
    pub fn parsed<T: FromStr<Err: Display>>(&mut self, name: &str, default: T) -> T {
        let Some(text) = self.optional(name) else { return default };
        match text.parse() {
            Ok(value) => value,
            Err(error) => {
                self.problem(format!("{name} is `{text}`: {error}"));
                default
            }
        }
    }

    /// Notes what does not fit.
    pub fn problem(&mut self, problem: String) {
        self.problems.push(problem);
    }

    /// All that was noted.
    pub fn check(&self) -> Result<(), SettingsError> {
        if self.problems.is_empty() { Ok(()) } else { Err(SettingsError(self.problems.clone())) }
    }
}

fn is_empty(value: &str) -> bool {
    value.trim().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_variable_is_not_set_and_known_to_be_empty() {
        let values = [("URL", ""), ("URL_A", " "), ("URL_B", "b"), ("C", "")];
        let environment = Environment::new(values.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(environment.optional("URL_A"), None);
        assert_eq!(environment.empty("URL"), ["URL", "URL_A"]);
    }

    #[test]
    fn every_problem_is_in_one_error() {
        let values = [("A", "1"), ("B", "two"), ("C", " ")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut environment = Environment::new(values);
        assert_eq!(environment.parsed("A", 0_u32), 1);
        assert_eq!(environment.parsed("B", 7_u32), 7);
        assert_eq!(environment.parsed("D", 8_u32), 8);
        assert_eq!(environment.required("C"), "");
        assert_eq!(environment.required("E"), "");
        let error = environment.check().expect_err("there are problems");
        assert_eq!(
            error.to_string(),
            "the environment does not fit: B is `two`: invalid digit found in string; C is not set; E is not set"
        );
    }
}
