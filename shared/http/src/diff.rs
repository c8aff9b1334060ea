//! What differs between two moments of an entity.

use std::sync::Arc;

use annals_application::queries::DiffPoint;
use axum::extract::{RawQuery, State};
use axum::response::Response;

use crate::QueryApi;
use crate::parameters::{ParameterReader, Parameters, PathParameters};
use crate::problem::Problem;
use crate::response::json;

pub(crate) const PARAMETERS: [&str; 2] = ["from", "to"];

/// `GET /{type}/{id}/diff`.
pub(crate) async fn diff(
    State(api): State<Arc<QueryApi>>,
    PathParameters((entity_type, id)): PathParameters<(String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let (from, to) = points(&Parameters::read(query.as_deref())?)?;
    json(&api.queries.time_travel().diff(&entity_type, &id, from, to).await?)
}

fn points(parameters: &Parameters) -> Result<(DiffPoint, Option<DiffPoint>), Problem> {
    let mut reader = ParameterReader::new(parameters);
    let (from, to) = (point(&mut reader, "from"), point(&mut reader, "to"));
    if !parameters.has_any(&["from"]) {
        reader.add_error("from", "missing: expected a timestamp such as 2024-04-09T20:19:25Z or version:3");
    }
    reader.allow_only(&PARAMETERS);
    let from = from.unwrap_or(DiffPoint::Version(1));
    reader.finish((from, to))
}

fn point(reader: &mut ParameterReader<'_>, name: &str) -> Option<DiffPoint> {
    let text = reader.text(name)?;
    let point = text.parse::<DiffPoint>();
    point.map_err(|error| reader.add_error(name, error.to_string())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<(DiffPoint, Option<DiffPoint>), Vec<String>> {
        let refused = |problem: Problem| problem.errors().iter().map(ToString::to_string).collect();
        points(&Parameters::read(Some(query)).unwrap()).map_err(refused)
    }

    #[test]
    fn a_diff_has_a_moment_before_and_may_have_one_after() {
        let from = DiffPoint::Timestamp("2024-04-09T23:59:59.999Z".parse().unwrap());
        assert_eq!(read("from=2024-04-09"), Ok((from, None)));
        assert_eq!(read("from=2024-04-09&to=version:3"), Ok((from, Some(DiffPoint::Version(3)))));
    }

    #[test]
    fn each_error_names_what_is_expected() {
        let refused = read("to=version:-1&as_of=2024-04-09").unwrap_err().join("\n");
        insta::assert_snapshot!(refused, @"
        to: invalid value `version:-1`: expected a timestamp such as 2024-04-09T20:19:25Z, a date, or a version such as version:3
        from: missing: expected a timestamp such as 2024-04-09T20:19:25Z or version:3
        as_of: unknown parameter: expected one of from, to
        ");
    }
}
