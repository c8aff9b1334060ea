//! Entities at a moment: the parameters that name it, and the responses of one entity and of several.
//!
//! These responses come from the events alone, so they do not depend on the search.

use annals_application::queries::{IdsRequest, MAX_IDS, MomentRequest, Page};
use annals_domain::position::Version;
use axum::http::Uri;
use axum::response::Response;
use serde_json::value::RawValue;

use crate::QueryApi;
use crate::parameters::{DayEnd, ParameterReader, Parameters};
use crate::problem::Problem;
use crate::response::{PageBody, json};

/// The parameters of one entity that are answered from its events.
pub(crate) const OF_ONE: [&str; 4] = ["as_of", "known_at", "version", "explain"];
pub(crate) const MIN_VERSION: &str = "min_version";
/// The parameters that name several entities at a moment: their versions have nothing in common.
pub(crate) const OF_SEVERAL: [&str; 3] = ["ids", "as_of", "known_at"];
/// The parameters that may stand beside them.
const BESIDE_SEVERAL: [&str; 2] = ["fields", "cursor"];

/// A request for one entity that is answered from its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct PastRequest {
    pub(crate) moment: MomentRequest,
    /// Whether the response has the provenance of each field.
    pub(crate) explain: bool,
    /// A version that must be stored already.
    pub(crate) min_version: Option<Version>,
}

/// The request for one entity, if one of its parameters needs its events.
pub(crate) fn past_request(parameters: &Parameters) -> Result<Option<PastRequest>, Problem> {
    if !parameters.has_any(&OF_ONE) {
        return Ok(None);
    }
    let mut reader = ParameterReader::new(parameters);
    let moment = MomentRequest { version: reader.number("version"), ..both_clocks(&mut reader) };
    let explain = reader.bool("explain").unwrap_or(false);
    let min_version = min_version(&mut reader);
    reader.allow_only(&[&OF_ONE[..], &[MIN_VERSION]].concat());
    reader.finish(Some(PastRequest { moment, explain, min_version }))
}

/// The parameters of an entity as it is now: the least version that it must have.
pub(crate) fn present_request(parameters: &Parameters) -> Result<Option<Version>, Problem> {
    let mut reader = ParameterReader::new(parameters);
    let version = min_version(&mut reader);
    reader.allow_only(&[&OF_ONE[..], &[MIN_VERSION]].concat());
    reader.finish(version)
}

fn min_version(reader: &mut ParameterReader<'_>) -> Option<Version> {
    let version = reader.number(MIN_VERSION);
    if version == Some(0) {
        reader.add_error(MIN_VERSION, "invalid value `0`: expected a number from 1");
    }
    version.map(Version::new)
}

/// Whether a request for a list is for several entities at a moment.
pub(crate) fn is_of_several(parameters: &Parameters) -> bool {
    parameters.has_any(&OF_SEVERAL)
}

/// The entities of a request at its moment, as a page.
pub(crate) async fn several(
    api: &QueryApi,
    entity_type: &str,
    uri: &Uri,
    parameters: &Parameters,
) -> Result<Response, Problem> {
    let found = api.queries.time_travel().get_many(entity_type, &several_request(parameters)?).await?;
    let results: Vec<&RawValue> = found.results.iter().map(|document| &*document.json).collect();
    json(&PageBody::of(Page { results, count: found.count, next: found.next, previous: None }, uri, parameters))
}

fn several_request(parameters: &Parameters) -> Result<IdsRequest, Problem> {
    let mut reader = ParameterReader::new(parameters);
    let moment = both_clocks(&mut reader);
    if !parameters.has_any(&["as_of", "known_at"]) {
        reader.add_error("ids", "expected with `as_of` or `known_at`");
    }
    let ids = reader.text("ids").map(unique_ids).unwrap_or_default();
    if ids.is_empty() {
        reader.add_error("ids", format!("expected 1 to {MAX_IDS} ids, separated by commas"));
    }
    let [fields, cursor] = BESIDE_SEVERAL.map(|name| reader.text(name).map(str::to_owned));
    reader.allow_only(&[&OF_SEVERAL[..], &BESIDE_SEVERAL].concat());
    reader.finish(IdsRequest { ids, moment, fields, cursor })
}

/// The ids between the commas, each once.
fn unique_ids(text: &str) -> Vec<String> {
    let mut ids: Vec<String> = Vec::new();
    for id in text.split(',').map(str::trim).filter(|id| !id.is_empty()) {
        if !ids.iter().any(|known| known == id) {
            ids.push(id.to_owned());
        }
    }
    ids
}

fn both_clocks(reader: &mut ParameterReader<'_>) -> MomentRequest {
    let (as_of, known_at) = (reader.timestamp("as_of", DayEnd::Last), reader.timestamp("known_at", DayEnd::Last));
    MomentRequest { as_of, known_at, version: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(problem: &Problem) -> Vec<String> {
        problem.errors().iter().map(ToString::to_string).collect()
    }

    fn of_one(query: &str) -> Result<Option<PastRequest>, Vec<String>> {
        past_request(&Parameters::read(Some(query)).unwrap()).map_err(|problem| lines(&problem))
    }

    #[test]
    fn a_date_is_its_last_millisecond() {
        let moment = MomentRequest {
            as_of: "2024-04-09T23:59:59.999Z".parse().ok(),
            known_at: "2024-04-09T18:00:00Z".parse().ok(),
            version: None,
        };
        assert_eq!(
            of_one("as_of=2024-04-09&known_at=2024-04-09T20:00:00%2B02:00"),
            Ok(Some(PastRequest { moment, ..PastRequest::default() }))
        );
        assert_eq!(of_one("version=7").unwrap().and_then(|request| request.moment.version), Some(7));
        assert_eq!(of_one("explain=true"), Ok(Some(PastRequest { explain: true, ..PastRequest::default() })));
        assert_eq!(of_one(""), Ok(None));
        assert_eq!(of_one("min_version=7"), Ok(None));
        let at_least = of_one("as_of=2024-04-09&min_version=7").unwrap().unwrap();
        assert_eq!(at_least.min_version, Some(Version::new(7)));
    }

    #[test]
    fn each_error_names_what_is_expected() {
        let time = "a timestamp such as 2024-04-09T20:19:25Z (with %2B for a + in its offset), or a date";
        let refused = of_one("as_of=2024-04-09T20:19:25&version=-1&page=2").unwrap_err();
        assert_eq!(
            refused,
            [
                "version: invalid value `-1`: expected a whole number such as 1, at most 9007199254740991".to_owned(),
                format!("as_of: invalid value `2024-04-09T20:19:25`: expected {time}"),
                "page: unknown parameter: expected one of as_of, known_at, version, explain, min_version".to_owned(),
            ]
        );
    }

    #[test]
    fn a_single_entity_may_have_a_least_version() {
        let read = |query: &str| present_request(&Parameters::read(Some(query)).unwrap());
        assert_eq!(read("").unwrap(), None);
        assert_eq!(read("min_version=7").unwrap(), Some(Version::new(7)));
        for (query, expected) in [
            ("min_version=0", "min_version: invalid value `0`: expected a number from 1"),
            (
                "min_version=-1",
                "min_version: invalid value `-1`: expected a whole number such as 1, at most 9007199254740991",
            ),
            ("min_version=1&min_version=2", "min_version: repeated: expected at most once"),
            ("raw=true", "raw: unknown parameter: expected one of as_of, known_at, version, explain, min_version"),
        ] {
            let found = read(query).unwrap_err().errors()[0].to_string();
            assert_eq!(found, expected, "{query}");
        }
    }

    #[track_caller]
    fn check_several(query: &str, expected: Result<&[&str], &[&str]>) {
        let parameters = Parameters::read(Some(query)).unwrap();
        let read = several_request(&parameters).map(|request| request.ids);
        match expected {
            Ok(expected) => assert_eq!(read.unwrap(), expected, "{query}"),
            Err(expected) => assert_eq!(lines(&read.unwrap_err()), expected, "{query}"),
        }
    }

    #[test]
    fn several_entities_need_ids_and_a_moment() {
        check_several("ids=a,+b,,a&as_of=2024-04-09", Ok(&["a", "b"]));
        check_several("ids=a&known_at=2024-04-09", Ok(&["a"]));
        check_several("ids=a", Err(&["ids: expected with `as_of` or `known_at`"]));
        check_several("as_of=2024-04-09", Err(&["ids: expected 1 to 100 ids, separated by commas"]));
        check_several("ids=,&as_of=2024-04-09", Err(&["ids: expected 1 to 100 ids, separated by commas"]));
        let unknown = "version: unknown parameter: expected one of ids, as_of, known_at, fields, cursor";
        check_several("ids=a&as_of=2024-04-09&version=3", Err(&[unknown]));
    }
}
