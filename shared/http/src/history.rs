//! The history of an entity: its events in version order, or the newest first. Stored inputs (`raw=true`) need the admin scope.

use std::sync::Arc;

use annals_application::queries::{HistoryOrder, HistoryRequest};
use axum::extract::{RawQuery, State};
use axum::http::Uri;
use axum::response::Response;

use crate::QueryApi;
use crate::access::RAW_ACCESS;
use crate::login::Caller;
use crate::parameters::{DayEnd, ParameterReader, Parameters, PathParameters};
use crate::problem::Problem;
use crate::response::{PageBody, json};

pub(crate) const PARAMETERS: [&str; 8] =
    ["page", "cursor", "page_size", "from_date", "to_date", "field", "order", "raw"];

/// `GET /{type}/{id}/history`.
pub(crate) async fn history(
    State(api): State<Arc<QueryApi>>,
    PathParameters((entity_type, id)): PathParameters<(String, String)>,
    caller: Caller,
    uri: Uri,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let parameters = Parameters::read(query.as_deref())?;
    let request = history_request(&parameters)?;
    if request.raw {
        caller.need(RAW_ACCESS, "raw=true")?;
    }
    let found = api.queries.history(&entity_type, &id, &request).await?;
    json(&PageBody::of(found, &uri, &parameters))
}

fn history_request(parameters: &Parameters) -> Result<HistoryRequest, Problem> {
    let mut reader = ParameterReader::new(parameters);
    let request = HistoryRequest {
        page: reader.number("page"),
        cursor: reader.text("cursor").map(str::to_owned),
        page_size: reader.number("page_size"),
        from_date: reader.timestamp("from_date", DayEnd::First),
        to_date: reader.timestamp("to_date", DayEnd::Last),
        fields: fields(&mut reader),
        order: reader.parsed("order", "asc or desc", order).unwrap_or_default(),
        raw: reader.bool("raw").unwrap_or(false),
    };
    reader.allow_only(&PARAMETERS);
    reader.finish(request)
}

/// The names between the commas.
fn fields(reader: &mut ParameterReader<'_>) -> Vec<String> {
    let Some(text) = reader.text("field") else { return Vec::new() };
    let names: Vec<String> = text.split(',').map(str::trim).map(str::to_owned).collect();
    if names.iter().any(String::is_empty) {
        reader.add_error("field", format!("invalid value `{text}`: expected names of fields, separated by commas"));
    }
    names
}

fn order(text: &str) -> Option<HistoryOrder> {
    match text {
        "asc" => Some(HistoryOrder::Ascending),
        "desc" => Some(HistoryOrder::Descending),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_reads_its_parameters() {
        let query = "page=2&page_size=5&from_date=2024-04-09&to_date=2024-04-09&field=name,+status&order=desc&raw=true";
        let expected = HistoryRequest {
            page: Some(2),
            cursor: None,
            page_size: Some(5),
            from_date: "2024-04-09T00:00:00Z".parse().ok(),
            to_date: "2024-04-09T23:59:59.999Z".parse().ok(),
            fields: vec!["name".to_owned(), "status".to_owned()],
            order: HistoryOrder::Descending,
            raw: true,
        };
        assert_eq!(history_request(&Parameters::read(Some(query)).unwrap()).unwrap(), expected);
        assert_eq!(history_request(&Parameters::read(None).unwrap()).unwrap(), HistoryRequest::default());
    }

    #[test]
    fn each_error_names_what_is_expected() {
        let refused = history_request(&Parameters::read(Some("field=name,&order=down")).unwrap()).unwrap_err();
        let lines: Vec<_> = refused.errors().iter().map(ToString::to_string).collect();
        let field = "field: invalid value `name,`: expected names of fields, separated by commas";
        assert_eq!(lines, [field, "order: invalid value `down`: expected asc or desc"]);
    }

    #[test]
    fn a_parameter_of_another_route_is_refused() {
        let problem = history_request(&Parameters::read(Some("as_of=2024-04-09")).unwrap()).unwrap_err();
        assert_eq!(problem.errors()[0].field, "as_of");
    }
}
