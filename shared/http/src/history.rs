//! The history of an entity: its events in version order. Stored inputs (`raw=true`) need the admin scope.

use std::sync::Arc;

use annals_application::queries::HistoryRequest;
use axum::extract::{RawQuery, State};
use axum::http::Uri;
use axum::response::Response;

use crate::QueryApi;
use crate::login::Caller;
use crate::parameters::{DayEnd, ParameterReader, Parameters, PathParameters};
use crate::problem::Problem;
use crate::response::{PageBody, json};

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
        caller.need_admin("raw=true")?;
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
        raw: reader.bool("raw").unwrap_or(false),
    };
    reader.allow_only(&["page", "cursor", "page_size", "from_date", "to_date", "raw"]);
    reader.finish(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_reads_its_parameters() {
        let query = "page=2&page_size=5&from_date=2024-04-09&to_date=2024-04-09&raw=true";
        let expected = HistoryRequest {
            page: Some(2),
            cursor: None,
            page_size: Some(5),
            from_date: "2024-04-09T00:00:00Z".parse().ok(),
            to_date: "2024-04-09T23:59:59.999Z".parse().ok(),
            raw: true,
        };
        assert_eq!(history_request(&Parameters::read(Some(query)).unwrap()).unwrap(), expected);
        assert_eq!(history_request(&Parameters::read(None).unwrap()).unwrap(), HistoryRequest::default());
    }

    #[test]
    fn a_parameter_of_another_route_is_refused() {
        let problem = history_request(&Parameters::read(Some("as_of=2024-04-09")).unwrap()).unwrap_err();
        assert_eq!(problem.errors()[0].field, "as_of");
    }
}
