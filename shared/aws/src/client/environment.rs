//! Settings from the environment, read once. All missing and invalid values are reported in one error.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::str::FromStr;

/// The environment's variables, and the problems found in them.
#[derive(Debug, Clone)]
pub struct Environment {
    values: BTreeMap<String, String>,
    problems: Vec<String>,
}

/// The missing and invalid variables, with what is expected of each.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid settings in the environment: {}", .0.join("; "))]
pub struct SettingsError(pub Vec<String>);

/// As text: a `main` that returns the error prints its `Debug` form.
impl fmt::Debug for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Environment {
    /// This process's variables. One that is not Unicode counts as not set.
    pub fn of_process() -> Self {
        let as_unicode = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self::new(std::env::vars_os().filter_map(as_unicode))
    }

    /// An empty variable counts as not set.
    pub fn new(values: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { values: values.into_iter().collect(), problems: Vec::new() }
    }

    /// The value of a variable that need not be set.
    pub fn optional(&self, name: &str) -> Option<String> {
        self.values.get(name).filter(|value| !is_empty(value)).cloned()
    }

    /// The names of variables that start with `prefix` and are empty. Other code that reads them may treat that
    /// differently from not set.
    pub fn empty(&self, prefix: &str) -> Vec<String> {
        let with_prefix = self.values.iter().filter(|(name, _)| name.starts_with(prefix));
        with_prefix.filter(|(_, value)| is_empty(value)).map(|(name, _)| name.clone()).collect()
    }

    /// The value of a variable that must be set. If it is not, reports that and returns an empty text.
    pub fn required(&mut self, name: &str) -> String {
        self.optional(name).unwrap_or_else(|| {
            self.problem(format!("{name} is not set"));
            String::new()
        })
    }

    /// A variable's parsed value. Returns `default` if it is not set, or is invalid, which is reported.
    pub fn parsed<T: FromStr<Err: Display>>(&mut self, name: &str, default: T) -> T {
        let Some(text) = self.optional(name) else { return default };
        match text.parse() {
            Ok(value) => value,
            Err(error) => {
                self.problem(format!("invalid value `{text}` of {name}: {error}"));
                default
            }
        }
    }

    /// Adds a problem to the error of [`check`](Self::check).
    pub fn problem(&mut self, problem: String) {
        self.problems.push(problem);
    }

    /// Fails with all reported problems, if there are any.
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
    fn an_empty_variable_counts_as_not_set_and_is_listed_as_empty() {
        let values = [("URL", ""), ("URL_A", " "), ("URL_B", "b"), ("C", "")];
        let environment = Environment::new(values.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(environment.optional("URL_A"), None);
        assert_eq!(environment.empty("URL"), ["URL", "URL_A"]);
    }

    #[test]
    fn all_problems_are_in_one_error() {
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
            "invalid settings in the environment: invalid value `two` of B: invalid digit found in string; C is not set; E is \
             not set"
        );
    }
}
