//! What is printed when the API is ready: its address, and requests to try.

use std::net::SocketAddr;

use annals_application::queries::ListRequest;
use annals_sqlite::process::LocalProcess;
use serde_json::Value;

use crate::output::Out;
use crate::style::Paint;

/// Prints the address, with requests that find something.
pub(super) async fn write(out: &mut Out, address: SocketAddr, needs_token: bool, process: &LocalProcess) {
    let url = format!("http://{address}");
    let curl = if needs_token { "curl -H \"Authorization: Bearer $TOKEN\"" } else { "curl" };
    let shown = out.paint(Paint::Bold, &url);
    out.line(format_args!("\nserving {shown} until Ctrl-C; try"));
    let example = example(process).await;
    let plural = example.as_ref().map_or("clients", |(plural, _)| plural);
    out.line(format_args!("  {curl} {url}/{plural}"));
    if let Some((plural, id)) = &example {
        out.line(format_args!("  {curl} {url}/{plural}/{id}"));
        out.line(format_args!("  {curl} {url}/{plural}/{id}/history"));
    }
    out.line(format_args!("  {curl} {url}/health"));
}

/// The plural of a type and the id of one of its entities.
async fn example(process: &LocalProcess) -> Option<(String, String)> {
    let request = ListRequest { page_size: Some(1), ..ListRequest::default() };
    for definition in process.catalog.definitions() {
        let found = process.queries.list(&definition.plural, &request).await.ok()?;
        let Some(document) = found.results.first() else { continue };
        let entity: Value = serde_json::from_str(document.json.get()).ok()?;
        let id =
            entity.get("id").and_then(Value::as_str).map_or_else(|| document.aggregate_id.to_string(), str::to_owned);
        return Some((definition.plural.clone(), id));
    }
    None
}
