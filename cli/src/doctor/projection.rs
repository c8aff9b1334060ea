//! Projection: whether it is at work, and the rebuild that may be beside it.
//!
//! Promises no more than what its functions note of themselves: whether the stream's event source mapping is
//! there, only they can show by projecting.

use annals_application::log_chain;
use annals_application::queries::Health;
use annals_aws::rebuild::{RebuildError, Rebuilder};
use annals_http::QueryApi;

use super::check::Check;

/// How far projection is behind, and whether an outage keeps events back.
pub(super) async fn lag(api: &QueryApi) -> Check {
    let on = "projection";
    let report = api.health.check().await;
    let Some(projection) = report.dependencies.iter().find(|dependency| dependency.name == on) else {
        return Check::unknown(on, "nobody notes it");
    };
    let detail = &projection.detail;
    match (projection.status, report.lag_ms) {
        (Health::Ok, Some(lag)) => Check::ok(on, format!("{detail}; {lag} ms behind")),
        (Health::Ok, None) => {
            let remedy = "where changes came in, look at the stream's event source mapping";
            Check { remedy: Some(remedy.to_owned()), ..Check::unknown(on, detail) }
        }
        (Health::Degraded, _) => Check::warning(on, detail, "the projection function's log names the resource"),
    }
}

/// The rebuild that was begun, if there is one.
pub(super) async fn rebuild(rebuilder: &Rebuilder) -> Check {
    let on = "rebuild";
    let give_up = "use the release that began it, or give it up with `annals rebuild --abandon`";
    match rebuilder.unfinished().await {
        Ok(None) => Check::ok(on, "none is under way"),
        Ok(Some(plan)) => {
            let types: Vec<&str> = plan.targets.iter().map(|target| target.aggregate_type.as_str()).collect();
            Check::ok(on, format!("of {}, {} records so far", types.join(", "), plan.counts.streams))
        }
        Err(RebuildError::Port(error)) if error.is_retryable() => Check::unknown(on, log_chain(&error)),
        Err(error) => Check::wrong(on, log_chain(&error), give_up),
    }
}
