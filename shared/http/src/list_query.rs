//! A list's query parameters.
//!
//! Promises that a list's own parameters win over fields of the same name, that every other name is
//! a field (the application checks it), and that what this release does not have is refused, never
//! passed over.

use annals_application::queries::ListRequest;

use crate::parameters::{Parameters, Reading};
use crate::problem::Problem;

/// What both a list and a count take, beside fields.
const SELECTING: [&str; 3] = ["search_term", "include_deleted", "filter"];
/// What only a list takes.
pub(crate) const PAGING: [&str; 3] = ["sort", "page", "page_size"];
/// Parameters of the documented API that a later release brings.
const LATER: [&str; 8] = ["cursor", "fields", "ids", "as_of", "known_at", "version", "explain", "min_version"];
/// Operators of the documented API that a later release brings.
const LATER_OPERATORS: [&str; 9] = ["ne", "in", "gt", "gte", "lt", "lte", "contains", "prefix", "exists"];

/// A list as asked for.
pub(crate) fn list_request(parameters: &Parameters) -> Result<ListRequest, Problem> {
    let mut reading = Reading::new(parameters);
    let request = ListRequest {
        sort: reading.text("sort").map(str::to_owned),
        page: reading.number("page"),
        page_size: reading.number("page_size"),
        ..selection(parameters, &mut reading)
    };
    reading.finish(request)
}

/// A count as asked for: a list's filters, and no pages.
pub(crate) fn count_request(parameters: &Parameters) -> Result<ListRequest, Problem> {
    let mut reading = Reading::new(parameters);
    let request = selection(parameters, &mut reading);
    for name in PAGING.into_iter().filter(|name| has(parameters, name)) {
        reading.refuse(name, format!("a count has no pages; {} and fields would fit", SELECTING.join(", ")));
    }
    reading.finish(request)
}

/// What may be named beside fields, where a request names anything else: its refusal as a field
/// would not tell whoever mistook a parameter's name.
pub(crate) fn own_parameters(parameters: &Parameters, paging: &[&str]) -> Option<String> {
    let own: Vec<&str> = SELECTING.iter().chain(paging).copied().collect();
    let is_other = parameters.pairs().iter().any(|(name, _)| !own.contains(&name.as_str()));
    is_other.then(|| format!("beside fields there are {}", own.join(", ")))
}

/// Refuses every parameter of one entity's route, since all it has come later.
pub(crate) fn no_parameters(parameters: &Parameters) -> Result<(), Problem> {
    let mut reading = Reading::new(parameters);
    refuse_later(parameters, &mut reading, "");
    let others = parameters.pairs().iter().filter(|(name, _)| !LATER.contains(&name.as_str()));
    for (name, _) in others {
        reading.refuse(name, "there is no such parameter here; this route takes none");
    }
    reading.finish(())
}

fn selection(parameters: &Parameters, reading: &mut Reading<'_>) -> ListRequest {
    refuse_later(parameters, reading, "; a field of that name is reached by `filter`");
    ListRequest {
        search_term: reading.text("search_term").map(str::to_owned),
        include_deleted: reading.bool("include_deleted").unwrap_or(false),
        equals: equals(parameters, reading),
        ..ListRequest::default()
    }
}

/// `{field}={value}` and `filter={field}:eq:{value}`, in their order.
fn equals(parameters: &Parameters, reading: &mut Reading<'_>) -> Vec<(String, String)> {
    let mut equals = Vec::new();
    for (name, value) in parameters.pairs() {
        match name.as_str() {
            "filter" => equals.extend(filter(value, reading)),
            own if SELECTING.contains(&own) || PAGING.contains(&own) || LATER.contains(&own) => {}
            field => equals.push((field.to_owned(), value.clone())),
        }
    }
    equals
}

/// One filter, split at the first two colons.
fn filter(text: &str, reading: &mut Reading<'_>) -> Option<(String, String)> {
    let words: Vec<&str> = text.splitn(3, ':').collect();
    match words[..] {
        [field, "eq", value] => return Some((field.to_owned(), value.to_owned())),
        [_, later, _] if LATER_OPERATORS.contains(&later) => {
            reading.refuse("filter", format!("this release does not have the operator `{later}` yet; it has eq only"));
        }
        [_, other, _] => reading.refuse("filter", format!("there is no operator `{other}`; this release has eq only")),
        _ => reading.refuse("filter", format!("`{text}` does not fit; {{field}}:eq:{{value}} would")),
    }
    None
}

fn refuse_later(parameters: &Parameters, reading: &mut Reading<'_>, hint: &str) {
    for name in LATER.into_iter().filter(|name| has(parameters, name)) {
        reading.refuse(name, format!("this release does not have this parameter yet{hint}"));
    }
}

fn has(parameters: &Parameters, name: &str) -> bool {
    parameters.pairs().iter().any(|(other, _)| other == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Request = fn(&Parameters) -> Result<ListRequest, Problem>;

    fn asked(request: Request, query: &str) -> Result<ListRequest, Vec<String>> {
        let refused = |problem: Problem| problem.errors().iter().map(ToString::to_string).collect();
        request(&Parameters::read(Some(query)).unwrap()).map_err(refused)
    }

    #[track_caller]
    fn check_equals(query: &str, expected: &[(&str, &str)]) {
        let equals = asked(list_request, query).unwrap().equals;
        let equals: Vec<_> = equals.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(equals, expected, "{query}");
    }

    #[test]
    fn fields_and_filters_mean_the_same_and_all_are_kept() {
        check_equals("name=a&filter=name:eq:a&name=b", &[("name", "a"), ("name", "a"), ("name", "b")]);
    }

    #[test]
    fn a_filter_is_split_at_the_first_two_colons() {
        check_equals("filter=created_at:eq:2024-04-09T20:19:25Z", &[("created_at", "2024-04-09T20:19:25Z")]);
        check_equals("filter=name:eq:", &[("name", "")]);
    }

    #[test]
    fn own_parameters_win_and_a_filter_reaches_the_field() {
        check_equals("page=1&filter=page:eq:7&filter=version:eq:3", &[("page", "7"), ("version", "3")]);
    }

    #[test]
    fn a_list_reads_its_own_parameters() {
        let expected = ListRequest {
            search_term: Some("a b".to_owned()),
            equals: vec![("status".to_owned(), "Active".to_owned())],
            include_deleted: true,
            sort: Some("-name,id".to_owned()),
            page: Some(2),
            page_size: Some(50),
        };
        let query = "search_term=a+b&status=Active&include_deleted=true&sort=-name,id&page=2&page_size=50";
        assert_eq!(asked(list_request, query), Ok(expected));
    }

    #[track_caller]
    fn check_refused(request: Request, query: &str, expected: &[&str]) {
        let refused = asked(request, query).unwrap_err();
        assert_eq!(refused, expected, "{query}");
    }

    #[test]
    fn what_comes_later_is_refused() {
        let later = "this release does not have this parameter yet; a field of that name is reached by `filter`";
        for name in LATER {
            check_refused(list_request, &format!("{name}=1"), &[&format!("{name}: {later}")]);
            check_refused(count_request, &format!("{name}=1"), &[&format!("{name}: {later}")]);
        }
        for operator in LATER_OPERATORS {
            let expected = format!("filter: this release does not have the operator `{operator}` yet; it has eq only");
            check_refused(list_request, &format!("filter=name:{operator}:x"), &[&expected]);
        }
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        check_refused(
            list_request,
            "filter=name:is:x",
            &["filter: there is no operator `is`; this release has eq only"],
        );
        check_refused(list_request, "filter=name:eq", &["filter: `name:eq` does not fit; {field}:eq:{value} would"]);
    }

    #[test]
    fn a_single_parameter_comes_once() {
        let once = "it comes more than once; once would fit";
        for name in ["search_term", "include_deleted", "sort", "page", "page_size"] {
            let value = if name == "include_deleted" { "true" } else { "1" };
            check_refused(list_request, &format!("{name}={value}&{name}={value}"), &[&format!("{name}: {once}")]);
        }
    }

    #[test]
    fn a_count_has_filters_and_no_pages() {
        assert!(asked(count_request, "search_term=a&status=b&filter=name:eq:c&include_deleted=true").is_ok());
        let expected = "a count has no pages; search_term, include_deleted, filter and fields would fit";
        check_refused(count_request, "page=1&sort=name", &[&format!("sort: {expected}"), &format!("page: {expected}")]);
    }

    #[test]
    fn one_entity_takes_no_parameters_yet() {
        let parameters = Parameters::read(Some("as_of=x&raw=true")).unwrap();
        let problem = no_parameters(&parameters).unwrap_err();
        let lines: Vec<_> = problem.errors().iter().map(ToString::to_string).collect();
        let (later, none) = ("this release does not have this parameter yet", "this route takes none");
        assert_eq!(lines, [format!("as_of: {later}"), format!("raw: there is no such parameter here; {none}")]);
    }
}
