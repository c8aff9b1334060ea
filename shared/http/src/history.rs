//! One entity's history, by version.
//!
//! Promises that inputs as they came are shown to admins only.

use std::sync::Arc;

use annals_application::queries::HistoryRequest;
use axum::extract::{RawQuery, State};
use axum::http::Uri;
use axum::response::Response;

use crate::QueryApi;
use crate::answer::json;
use crate::login::Caller;
use crate::page::{Page, Place};
use crate::parameters::{DayEnd, Parameters, Reading};
use crate::problem::Problem;
use crate::segment::Segment;

/// `GET /{type}/{id}/history`.
pub(crate) async fn history(
    State(api): State<Arc<QueryApi>>,
    Segment((entity_type, id)): Segment<(String, String)>,
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
    let place = Place { page: found.page, has_next: found.has_next };
    json(&Page::new(found.results, found.count, place, &uri, &parameters))
}

fn history_request(parameters: &Parameters) -> Result<HistoryRequest, Problem> {
    let mut reading = Reading::new(parameters);
    let request = HistoryRequest {
        page: reading.number("page"),
        page_size: reading.number("page_size"),
        from_date: reading.timestamp("from_date", DayEnd::First),
        to_date: reading.timestamp("to_date", DayEnd::Last),
        raw: reading.bool("raw").unwrap_or(false),
    };
    reading.only(&["page", "page_size", "from_date", "to_date", "raw"]);
    reading.finish(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_reads_its_parameters() {
        let query = "page=2&page_size=5&from_date=2024-04-09&to_date=2024-04-09&raw=true";
        let expected = HistoryRequest {
            page: Some(2),
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
