//! The query parameters of lists and counts.
//!
//! A parameter of the route wins over a field of the same name; every other name is a field, which the application
//! checks. Parameters of the routes beside it are errors.

use annals_application::queries::{FilterRequest, InvalidFilter, ListRequest};

use crate::parameters::{ParameterReader, Parameters};
use crate::problem::Problem;

/// Parameters of both lists and counts, beside fields.
pub(crate) const SELECTING: [&str; 3] = ["search_term", "include_deleted", "filter"];
pub(crate) const PAGING: [&str; 5] = ["sort", "page", "cursor", "page_size", "fields"];
/// The error of such a parameter.
const NOT_HERE: &str = "it selects one entity, or several by `ids` and `as_of`: use `filter` for a field of this name";
/// Parameters of other routes, whose names are no fields here.
pub(crate) const OF_OTHERS: [&str; 6] = ["ids", "as_of", "known_at", "version", "explain", "min_version"];

pub(crate) fn list_request(parameters: &Parameters) -> Result<ListRequest, Problem> {
    let mut reader = ParameterReader::new(parameters);
    let request = ListRequest {
        sort: reader.text("sort").map(str::to_owned),
        page: reader.number("page"),
        cursor: reader.text("cursor").map(str::to_owned),
        page_size: reader.number("page_size"),
        fields: reader.text("fields").map(str::to_owned),
        ..selection(parameters, &mut reader)
    };
    reader.finish(request)
}

/// The parameters of a count: a list's filters, without pages.
pub(crate) fn count_request(parameters: &Parameters) -> Result<ListRequest, Problem> {
    let mut reader = ParameterReader::new(parameters);
    let request = selection(parameters, &mut reader);
    for name in PAGING.into_iter().filter(|name| has(parameters, name)) {
        reader.add_error(name, format!("a count has no pages: expected {} or fields", SELECTING.join(", ")));
    }
    reader.finish(request)
}

/// A hint that lists the parameters of the route, if the request has any other name: a misspelt parameter is reported
/// as an unknown field, which alone would not help the caller.
pub(crate) fn parameter_hint(parameters: &Parameters, paging: &[&str]) -> Option<String> {
    let own: Vec<&str> = SELECTING.iter().chain(paging).copied().collect();
    let is_other = parameters.pairs().iter().any(|(name, _)| !own.contains(&name.as_str()));
    is_other.then(|| format!("parameters beside fields: {}", own.join(", ")))
}

fn selection(parameters: &Parameters, reader: &mut ParameterReader<'_>) -> ListRequest {
    refuse_others(parameters, reader);
    ListRequest {
        search_term: reader.text("search_term").map(str::to_owned),
        include_deleted: reader.bool("include_deleted").unwrap_or(false),
        filters: filters(parameters, reader),
        ..ListRequest::default()
    }
}

/// `{field}={value}` and `filter={field}:{operator}:{value}`, in the order of the request.
fn filters(parameters: &Parameters, reader: &mut ParameterReader<'_>) -> Vec<FilterRequest> {
    let mut filters = Vec::new();
    for (name, value) in parameters.pairs() {
        match name.as_str() {
            "filter" => match value.parse() {
                Ok(filter) => filters.push(filter),
                Err::<_, InvalidFilter>(error) => reader.add_error(name, error.to_string()),
            },
            own if SELECTING.contains(&own) || PAGING.contains(&own) || OF_OTHERS.contains(&own) => {}
            field => filters.push(FilterRequest::equals(field, value.as_str())),
        }
    }
    filters
}

fn refuse_others(parameters: &Parameters, reader: &mut ParameterReader<'_>) {
    for name in OF_OTHERS.into_iter().filter(|name| has(parameters, name)) {
        reader.add_error(name, NOT_HERE);
    }
}

fn has(parameters: &Parameters, name: &str) -> bool {
    parameters.pairs().iter().any(|(other, _)| other == name)
}

#[cfg(test)]
mod tests {
    use annals_application::queries::Operator;

    use super::*;

    type ReadRequest = fn(&Parameters) -> Result<ListRequest, Problem>;

    fn read(request: ReadRequest, query: &str) -> Result<ListRequest, Vec<String>> {
        let refused = |problem: Problem| problem.errors().iter().map(ToString::to_string).collect();
        request(&Parameters::read(Some(query)).unwrap()).map_err(refused)
    }

    #[track_caller]
    fn check_equals(query: &str, expected: &[(&str, &str)]) {
        let filters = read(list_request, query).unwrap().filters;
        assert!(filters.iter().all(|filter| filter.operator == Operator::Eq), "{query}");
        let equals: Vec<_> = filters.iter().map(|filter| (filter.field.as_str(), filter.value.as_str())).collect();
        assert_eq!(equals, expected, "{query}");
    }

    #[test]
    fn a_field_is_the_same_as_an_eq_filter_and_all_are_kept() {
        check_equals("name=a&filter=name:eq:a&name=b", &[("name", "a"), ("name", "a"), ("name", "b")]);
    }

    #[test]
    fn a_filter_is_split_at_the_first_two_colons() {
        check_equals("filter=created_at:eq:2024-04-09T20:19:25Z", &[("created_at", "2024-04-09T20:19:25Z")]);
        check_equals("filter=name:eq:", &[("name", "")]);
    }

    #[test]
    fn a_parameter_wins_over_a_field_of_its_name_and_a_filter_reaches_the_field() {
        check_equals("page=1&filter=page:eq:7&filter=version:eq:3", &[("page", "7"), ("version", "3")]);
    }

    #[test]
    fn a_list_reads_its_parameters() {
        let expected = ListRequest {
            search_term: Some("a b".to_owned()),
            filters: vec![
                FilterRequest::equals("status", "Active"),
                FilterRequest { field: "amount".to_owned(), operator: Operator::Gte, value: "1:2".to_owned() },
            ],
            include_deleted: true,
            sort: Some("-name,id".to_owned()),
            page: Some(2),
            cursor: Some("abc".to_owned()),
            page_size: Some(50),
            fields: Some("id,name".to_owned()),
        };
        let query = "search_term=a+b&status=Active&filter=amount:gte:1:2&include_deleted=true&sort=-name,id&page=2\
                     &cursor=abc&page_size=50&fields=id,name";
        assert_eq!(read(list_request, query), Ok(expected));
    }

    #[track_caller]
    fn check_refused(request: ReadRequest, query: &str, expected: &[&str]) {
        let refused = read(request, query).unwrap_err();
        assert_eq!(refused, expected, "{query}");
    }

    #[test]
    fn parameters_of_other_routes_are_refused() {
        for name in OF_OTHERS {
            check_refused(list_request, &format!("{name}=1"), &[&format!("{name}: {NOT_HERE}")]);
            check_refused(count_request, &format!("{name}=1"), &[&format!("{name}: {NOT_HERE}")]);
        }
    }

    #[test]
    fn an_invalid_filter_is_refused() {
        let operators = "eq, ne, in, gt, gte, lt, lte, contains, prefix, exists";
        let expected = format!("filter: unknown operator `is`: expected one of {operators}");
        check_refused(list_request, "filter=name:is:x", &[&expected]);
        let expected = "filter: invalid value `name:eq`: expected {field}:{operator}:{value}, such as status:eq:Active";
        check_refused(list_request, "filter=name:eq", &[expected]);
    }

    #[test]
    fn a_parameter_appears_at_most_once() {
        let once = "repeated: expected at most once";
        for name in ["search_term", "include_deleted", "sort", "page", "cursor", "page_size", "fields"] {
            let value = if name == "include_deleted" { "true" } else { "1" };
            check_refused(list_request, &format!("{name}={value}&{name}={value}"), &[&format!("{name}: {once}")]);
        }
    }

    #[test]
    fn a_count_has_filters_and_no_pages() {
        assert!(read(count_request, "search_term=a&status=b&filter=name:eq:c&include_deleted=true").is_ok());
        let expected = "a count has no pages: expected search_term, include_deleted, filter or fields";
        check_refused(count_request, "page=1&sort=name", &[&format!("sort: {expected}"), &format!("page: {expected}")]);
    }
}
