//! `get`, `list`, `history` and `diff`: the responses of the HTTP API as JSON, or as tables.

mod diff;
mod get;
mod history;
mod list;

use std::future::Future;
use std::time::Duration;

use serde_json::Value;

pub(crate) use self::diff::diff;
pub(crate) use self::get::get;
pub(crate) use self::history::history;
pub(crate) use self::list::list;
use crate::exit::{Exit, Failure};
use crate::style::short;

/// The time for an answer. One call to a store has less, but an answer may need several.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// Fails a query that takes longer than the time limit.
pub(crate) async fn in_time(query: impl Future<Output = Result<Exit, Failure>>) -> Result<Exit, Failure> {
    within(TIME_LIMIT, query).await
}

async fn within(limit: Duration, query: impl Future<Output = Result<Exit, Failure>>) -> Result<Exit, Failure> {
    let late = |_| {
        let failure = Failure::new(format!("no answer within {} seconds", limit.as_secs_f64()));
        failure.hint("`annals doctor` shows what does not respond")
    };
    tokio::time::timeout(limit, query).await.map_err(late)?
}

fn parse(json: &str) -> Result<Value, Failure> {
    serde_json::from_str(json).map_err(|error| Failure::new(format!("a stored document is not JSON: {error}")))
}

fn pretty(value: &Value) -> String {
    format!("{value:#}")
}

/// A value in a table, cut to `max` characters.
fn cell(value: &Value, max: usize) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::String(text) => short(text, max),
        other => short(&other.to_string(), max),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_query_without_an_answer_ends() {
        let limit = Duration::from_millis(20);
        let failure = within(limit, std::future::pending()).await.expect_err("there is no answer");
        assert_eq!(failure.message(), "no answer within 0.02 seconds");
        let answered = within(limit, async { Ok(Exit::Success) }).await;
        assert!(matches!(answered, Ok(Exit::Success)));
    }
}
