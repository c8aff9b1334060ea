//! Refetch tasks: one listed item a record.

use std::collections::BTreeMap;

use annals_application::ports::{PortError, RefetchQueue, RefetchTask};
use annals_domain::change::RefetchReason;
use annals_domain::identity::{EntityKey, Provider};
use annals_domain::position::Version;
use async_trait::async_trait;
use futures::future::try_join_all;

use super::DynamoStateStore;
use super::items::{Item, ItemKey, Revision, StateTable};
use super::lists::{Filter, List, oldest_first};
use super::table::LISTED;

/// Eight partitions, since a burst of gaps enqueues every record of a type at once. The name is
/// older than the word refetch; tables that exist have it.
const TASKS: List = List { name: "hydration", partitions: 8 };

/// The number of tasks written at the same time.
const CONCURRENT_WRITES: usize = 16;

#[async_trait]
impl RefetchQueue for DynamoStateStore {
    async fn enqueue(&self, tasks: Vec<RefetchTask>) -> Result<(), PortError> {
        let mut by_record = BTreeMap::<EntityKey, RefetchTask>::new();
        for task in tasks {
            let task = match by_record.remove(&task.key) {
                Some(earlier) => task.merged_with(&earlier),
                None => task,
            };
            by_record.insert(task.key.clone(), task);
        }
        let tasks: Vec<RefetchTask> = by_record.into_values().collect();
        for tasks in tasks.chunks(CONCURRENT_WRITES) {
            try_join_all(tasks.iter().map(|task| enqueue(&self.table, task))).await?;
        }
        Ok(())
    }

    /// Reads on past the tasks of other providers. A filter in the query would read a megabyte of each partition.
    async fn earliest(&self, provider: Provider, limit: usize) -> Result<Vec<RefetchTask>, PortError> {
        let (mut tasks, mut after) = (Vec::new(), None::<String>);
        loop {
            let items = self.table.after(&TASKS, &Filter::default(), after.as_deref(), limit).await?;
            for item in &items {
                let task: RefetchTask = self.table.read(item)?;
                tasks.extend((task.provider == provider).then_some(task));
            }
            tasks.truncate(limit);
            after = items.last().and_then(|item| item.text(LISTED)).map(str::to_owned);
            if items.len() < limit || tasks.len() == limit {
                return Ok(tasks);
            }
        }
    }

    async fn count(&self, at_most: usize) -> Result<usize, PortError> {
        self.table.count(&TASKS, &Filter::default(), at_most).await
    }

    /// Reads first, a hundred records a request: most have no task, and a delete costs five times a read. Each delete is
    /// conditional, since an event may ask at the same time.
    async fn finish(&self, up_to: &[(EntityKey, Version)]) -> Result<(), PortError> {
        let table = &*self.table;
        let mut versions = BTreeMap::<EntityKey, Version>::new();
        for (key, version) in up_to {
            let highest = versions.entry(key.clone()).or_default();
            *highest = (*highest).max(*version);
        }
        let keys: Vec<EntityKey> = versions.keys().cloned().collect();
        let items = stored(table, &keys).await?;
        let finish = |found: Option<&Item>| {
            let Some(item) = found else { return Ok(Revision::Keep) };
            let task: RefetchTask = table.read(item)?;
            let is_finished = versions.get(&task.key).is_some_and(|version| task.version <= *version);
            Ok(if is_finished { Revision::Remove } else { Revision::Keep })
        };
        for items in items.chunks(CONCURRENT_WRITES) {
            let revised = items.iter().map(|item| async {
                let key = item.key();
                table.revise(&key, Some(item.clone()), finish).await
            });
            try_join_all(revised).await?;
        }
        Ok(())
    }

    async fn postpone(&self, tasks: &[RefetchTask]) -> Result<(), PortError> {
        for tasks in tasks.chunks(CONCURRENT_WRITES) {
            try_join_all(tasks.iter().map(|task| postpone(&self.table, task))).await?;
        }
        Ok(())
    }

    async fn remove_reason(&self, keys: &[EntityKey], reason: RefetchReason) -> Result<(), PortError> {
        let table = &*self.table;
        let without_reason = |found: Option<&Item>| {
            let Some(item) = found else { return Ok(Revision::Keep) };
            let mut task: RefetchTask = table.read(item)?;
            if !task.reasons.remove(&reason) {
                return Ok(Revision::Keep);
            }
            if task.reasons.is_empty() { Ok(Revision::Remove) } else { Ok(Revision::Put(item_of(table, &task)?)) }
        };
        for item in stored(table, keys).await? {
            table.revise(&item.key(), Some(item), without_reason).await?;
        }
        Ok(())
    }
}

async fn enqueue(table: &StateTable, task: &RefetchTask) -> Result<(), PortError> {
    let merge = |found: Option<&Item>| {
        let Some(item) = found else { return Ok(Revision::Put(item_of(table, task)?)) };
        let stored: RefetchTask = table.read(item)?;
        let merged = task.clone().merged_with(&stored);
        if merged == stored { Ok(Revision::Keep) } else { Ok(Revision::Put(item_of(table, &merged)?)) }
    };
    table.revise(&key_of(&task.key), None, merge).await.map(drop)
}

async fn postpone(table: &StateTable, task: &RefetchTask) -> Result<(), PortError> {
    let postpone = |found: Option<&Item>| {
        let Some(item) = found else { return Ok(Revision::Keep) };
        let postponed = table.read::<RefetchTask>(item)?.postponed(task);
        postponed.map_or(Ok(Revision::Keep), |postponed| Ok(Revision::Put(item_of(table, &postponed)?)))
    };
    let key = key_of(&task.key);
    let found = table.get(&key).await?;
    table.revise(&key, found, postpone).await.map(drop)
}

async fn stored(table: &StateTable, keys: &[EntityKey]) -> Result<Vec<Item>, PortError> {
    let mut keys: Vec<ItemKey> = keys.iter().map(key_of).collect();
    // DynamoDB refuses a request that names an item twice.
    keys.sort_by(|a, b| a.sk.cmp(&b.sk));
    keys.dedup();
    table.get_all(&keys).await
}

fn item_of(table: &StateTable, task: &RefetchTask) -> Result<Item, PortError> {
    let item = Item::of(&key_of(&task.key), task).map_err(|error| table.rejected(error))?;
    Ok(item.listed_as(oldest_first(task.due_at, &task.key.to_string())))
}

fn key_of(key: &EntityKey) -> ItemKey {
    TASKS.key(&key.to_string())
}
