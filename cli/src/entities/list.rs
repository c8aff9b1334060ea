//! `list`: a page of entities.

use annals_application::ports::ReadDocument;
use annals_application::queries::{DEFAULT_PAGE_SIZE, ListRequest, Page, PageLink};
use annals_domain::definition::EntitySchema;
use serde_json::{Value, json};

use super::{cell, parse, pretty};
use crate::arguments::{List, Shared};
use crate::exit::{Exit, Failure};
use crate::open::open_queries;
use crate::output::Out;
use crate::style::Paint;
use crate::table::Table;

/// Values are cut to so many characters.
const MAX_CELL: usize = 40;

pub(crate) async fn list(shared: &Shared, list: &List) -> Result<Exit, Failure> {
    let queries = open_queries(shared).await?;
    let request = ListRequest {
        search_term: list.search.clone(),
        filters: list.filters.clone(),
        include_deleted: list.include_deleted,
        sort: list.sort.clone(),
        page: list.page.page,
        cursor: list.cursor.clone(),
        page_size: list.page.page_size,
        fields: list.fields.clone(),
    };
    let number = request.page.unwrap_or(1);
    let found = queries.list(&list.entity_type, &request).await?;
    let entities = found.results.iter().map(|document| parse(document.json.get())).collect::<Result<Vec<_>, _>>()?;
    let mut out = Out::stdout(shared.no_color);
    if list.json {
        let (count, page_size) = (found.count, request.page_size.unwrap_or(DEFAULT_PAGE_SIZE));
        let next = match &found.next {
            None => Value::Null,
            Some(PageLink::Number(page)) => json!({ "page": page }),
            Some(PageLink::Cursor(cursor)) => json!({ "cursor": cursor }),
        };
        let (page, results) = (list.cursor.is_none().then_some(number), entities);
        let page = json!({ "count": count, "page": page, "page_size": page_size, "next": next, "results": results });
        out.line(pretty(&page));
    } else {
        let schema = queries.schema(&list.entity_type).await?;
        out.table(&table(&columns(&schema, list), &entities));
        out.line(out.paint(Paint::Dim, &footer(&found, number)));
    }
    out.finish()?;
    Ok(Exit::Success)
}

fn footer(found: &Page<ReadDocument>, number: u64) -> String {
    format!("page {number}, {} of {}", found.results.len(), found.count.unwrap_or_default())
}

/// The selected fields, or the most telling ones.
fn columns<'a>(schema: &'a EntitySchema, list: &'a List) -> Vec<&'a str> {
    if let Some(fields) = &list.fields {
        return fields.split(',').map(str::trim).filter(|field| !field.is_empty()).collect();
    }
    let definition = schema.definition();
    let field = |name: &str| definition.and_then(|definition| definition.field(name)).map(|field| &*field.name);
    let status = definition.and_then(|definition| definition.status_field.as_deref());
    let telling = field("name").into_iter().chain(status.or(field("stage")));
    ["id"].into_iter().chain(telling).chain(["version", "updated_at"]).collect()
}

fn table(names: &[&str], entities: &[Value]) -> Table {
    let mut table = Table::new(names);
    for entity in entities {
        let is_deleted = entity.get("is_deleted").and_then(Value::as_bool).unwrap_or(false);
        let paint = if is_deleted { Paint::Dim } else { Paint::Plain };
        table.row(names.iter().map(|name| (paint, field(entity, name))));
    }
    table
}

/// The value of a field; empty if it is null or not there.
fn field(entity: &Value, name: &str) -> String {
    entity.get(name).filter(|value| !value.is_null()).map(|value| cell(value, MAX_CELL)).unwrap_or_default()
}
