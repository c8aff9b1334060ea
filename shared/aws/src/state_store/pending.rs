//! What waits for someone: refetch tasks, parked projections.
//!
//! Promises that no reason and no version of a joined entry is lost, however many join it at once.

use std::collections::BTreeMap;

use annals_application::ports::{ParkedProjection, PortError, RefetchTask};
use annals_domain::change::RefetchReason;
use annals_domain::identity::EntityKey;
use annals_domain::position::Version;
use futures::future::try_join_all;

use crate::state_store::items::{Item, Place, Table, Verdict};
use crate::state_store::lists::{List, oldest_first};
use crate::state_store::table::LISTED;

/// A burst of gaps asks for every record of a type at once.
const TASKS: List = List { name: "hydration", partitions: 8 };
/// A fault in a definition parks every record of a type.
const PARKED: List = List { name: "parked", partitions: 8 };

/// How many tasks are written at once.
const AT_ONCE: usize = 16;

pub(crate) async fn ask_refetch(table: &Table, tasks: Vec<RefetchTask>) -> Result<(), PortError> {
    let mut of_records = BTreeMap::<EntityKey, RefetchTask>::new();
    for task in tasks {
        let task = match of_records.remove(&task.key) {
            Some(there) => joined(there, task),
            None => task,
        };
        of_records.insert(task.key.clone(), task);
    }
    let tasks: Vec<RefetchTask> = of_records.into_values().collect();
    for tasks in tasks.chunks(AT_ONCE) {
        try_join_all(tasks.iter().map(|task| ask_one(table, task))).await?;
    }
    Ok(())
}

async fn ask_one(table: &Table, task: &RefetchTask) -> Result<(), PortError> {
    let join = |found: Option<&Item>| {
        let Some(item) = found else { return Ok(Verdict::Put(task_item(table, task)?)) };
        let there: RefetchTask = table.read(item)?;
        let joined = joined(there.clone(), task.clone());
        if joined == there { Ok(Verdict::Leave) } else { Ok(Verdict::Put(task_item(table, &joined)?)) }
    };
    table.revise(&place_of(&TASKS, &task.key), None, join).await.map(drop)
}

fn joined(there: RefetchTask, mut task: RefetchTask) -> RefetchTask {
    task.reasons.extend(there.reasons);
    task.due_at = task.due_at.min(there.due_at);
    task.attempts = task.attempts.max(there.attempts);
    task
}

fn task_item(table: &Table, task: &RefetchTask) -> Result<Item, PortError> {
    let item = Item::of(&place_of(&TASKS, &task.key), task).map_err(|error| table.rejected(error))?;
    Ok(item.listed_at(oldest_first(task.due_at, &task.key.to_string())))
}

pub(crate) async fn refetch_tasks(table: &Table, limit: usize) -> Result<Vec<RefetchTask>, PortError> {
    table.first(&TASKS, limit).await?.iter().map(|item| table.read(item)).collect()
}

pub(crate) async fn count_refetch(table: &Table, at_most: usize) -> Result<usize, PortError> {
    table.count(&TASKS, at_most).await
}

pub(crate) async fn count_parked(table: &Table, at_most: usize) -> Result<usize, PortError> {
    table.count(&PARKED, at_most).await
}

/// Reads first, a hundred records a request: most have no task, and a removal costs five times a read.
pub(crate) async fn finish_refetch(table: &Table, keys: &[EntityKey]) -> Result<(), PortError> {
    let there: Vec<Place> = tasks_of(table, keys).await?.iter().map(Item::place).collect();
    table.remove_all(&there).await
}

pub(crate) async fn drop_reason(table: &Table, keys: &[EntityKey], reason: RefetchReason) -> Result<(), PortError> {
    let drop_it = |found: Option<&Item>| {
        let Some(item) = found else { return Ok(Verdict::Leave) };
        let mut task: RefetchTask = table.read(item)?;
        if !task.reasons.remove(&reason) {
            return Ok(Verdict::Leave);
        }
        if task.reasons.is_empty() { Ok(Verdict::Remove) } else { Ok(Verdict::Put(task_item(table, &task)?)) }
    };
    for item in tasks_of(table, keys).await? {
        table.revise(&item.place(), Some(item), drop_it).await?;
    }
    Ok(())
}

async fn tasks_of(table: &Table, keys: &[EntityKey]) -> Result<Vec<Item>, PortError> {
    let mut places: Vec<Place> = keys.iter().map(|key| place_of(&TASKS, key)).collect();
    // A request may not name an item twice.
    places.sort_by(|a, b| a.sk.cmp(&b.sk));
    places.dedup();
    table.get_all(&places).await
}

pub(crate) async fn park(table: &Table, parked: &ParkedProjection) -> Result<(), PortError> {
    let place = place_of(&PARKED, &parked.key);
    let join = |found: Option<&Item>| {
        let Some(item) = found else { return Ok(Verdict::Put(parked_item(table, parked, order_of(parked))?)) };
        let there: ParkedProjection = table.read(item)?;
        let joined = ParkedProjection {
            from_version: parked.from_version.min(there.from_version),
            to_version: parked.to_version.max(there.to_version),
            parked_at: parked.parked_at.min(there.parked_at),
            ..parked.clone()
        };
        // It goes behind the others, but not back: another may have parked it later.
        let order = order_of(parked);
        let is_there = joined == there && item.text(LISTED).is_some_and(|listed| *listed >= *order);
        if is_there {
            return Ok(Verdict::Leave);
        }
        let listed = item.text(LISTED).map_or(order.clone(), |listed| order.max(listed.to_owned()));
        Ok(Verdict::Put(parked_item(table, &joined, listed)?))
    };
    table.revise(&place, None, join).await.map(drop)
}

/// Where the list has what is parked at its timestamp.
fn order_of(parked: &ParkedProjection) -> String {
    oldest_first(parked.parked_at, &parked.key.to_string())
}

fn parked_item(table: &Table, parked: &ParkedProjection, listed: String) -> Result<Item, PortError> {
    let item = Item::of(&place_of(&PARKED, &parked.key), parked).map_err(|error| table.rejected(error))?;
    Ok(item.listed_at(listed))
}

pub(crate) async fn parked(table: &Table, limit: usize) -> Result<Vec<ParkedProjection>, PortError> {
    table.first(&PARKED, limit).await?.iter().map(|item| table.read(item)).collect()
}

pub(crate) async fn unpark(table: &Table, key: &EntityKey, up_to: Version) -> Result<(), PortError> {
    let place = place_of(&PARKED, key);
    let forget = |found: Option<&Item>| {
        let Some(item) = found else { return Ok(Verdict::Leave) };
        let there: ParkedProjection = table.read(item)?;
        if there.to_version <= up_to {
            return Ok(Verdict::Remove);
        }
        if there.from_version > up_to {
            return Ok(Verdict::Leave);
        }
        let left = ParkedProjection { from_version: up_to.next(), ..there };
        Ok(Verdict::Put(item.clone().saying(&left).map_err(|error| table.rejected(error))?))
    };
    let found = table.get(&place).await?;
    table.revise(&place, found, forget).await.map(drop)
}

fn place_of(list: &List, key: &EntityKey) -> Place {
    list.place(&key.to_string())
}
