//! Samples: files of change events, which a new process ingests in the order of their names.
//!
//! A run keeps all results of its files. Its entities and states can be compared with those of another
//! run of the same files. This module asserts nothing about the results.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use annals_application::commands::{CommandMetadata, EventRead};
use annals_application::ports::{BackfillJob, QuarantineEntry, RefetchTask, StatePorts};
use annals_application::queries::QueryError;
use annals_domain::identity::{EntityKey, Provider};
use annals_domain::position::EventId;
use annals_sqlite::process::LocalProcess;
use annals_sqlite::{Database, SqliteStateStore};
use serde_json::{Map, Value, json};

use crate::process::TestProcess;
use crate::view::View;

/// The maximum number of entries that a listing returns.
const ALL: usize = 10_000;

/// One sample file.
#[derive(Debug, Clone)]
pub struct Sample {
    /// The file name.
    pub name: String,
    /// The provider of its events.
    pub provider: Provider,
    /// The content.
    pub text: String,
}

impl Sample {
    /// The name up to its first dot.
    pub fn stem(&self) -> &str {
        self.name.split('.').next().unwrap_or_default()
    }
}

/// The repository's root.
pub fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The sample events of this repository, one folder per provider. Events wrapped by AWS services are
/// not among them.
pub fn sample_events() -> Vec<Sample> {
    let ingest = repository().join("events/ingest");
    let folders = names(&ingest).into_iter().filter(|name| name != "README.md");
    let provider = |folder: &str| folder.parse::<Provider>().expect("a folder has a provider's name");
    folders.flat_map(|folder| samples(&ingest.join(&folder), provider(&folder))).collect()
}

/// Real payloads collected from public sources, if `ANNALS_SAMPLES` names their folder. Otherwise prints
/// a message and returns `None`.
pub fn collected() -> Option<Vec<Sample>> {
    let Some(folder) = std::env::var_os("ANNALS_SAMPLES") else {
        eprintln!("!!! ANNALS_SAMPLES is not set: THE COLLECTED SAMPLES ARE NOT RUN");
        return None;
    };
    // A folder that is named but missing makes the test fail here.
    Some(samples(&PathBuf::from(folder).join("salesforce-cdc"), Provider::Salesforce))
}

/// The files of a folder that end in `.json`, in the order of their names.
fn samples(folder: &Path, provider: Provider) -> Vec<Sample> {
    let names = names(folder).into_iter().filter(|name| name.ends_with(".json"));
    let read = |name: String| {
        let text = fs::read_to_string(folder.join(&name)).unwrap_or_else(|error| panic!("`{name}`: {error}"));
        Sample { name, provider, text }
    };
    names.map(read).collect()
}

/// The sorted names of the entries of a folder.
fn names(folder: &Path) -> BTreeSet<String> {
    let listed = fs::read_dir(folder).unwrap_or_else(|error| panic!("`{}`: {error}", folder.display()));
    let name = |entry: std::io::Result<fs::DirEntry>| {
        entry.expect("an entry that can be read").file_name().to_str().expect("a name in UTF-8").to_owned()
    };
    listed.map(name).collect()
}

/// All files below a folder, as paths from it.
pub fn files_below(folder: &Path) -> BTreeSet<PathBuf> {
    let below = |name: String| -> Vec<PathBuf> {
        if folder.join(&name).is_dir() {
            files_below(&folder.join(&name)).into_iter().map(|path| Path::new(&name).join(path)).collect()
        } else {
            vec![name.into()]
        }
    };
    names(folder).into_iter().flat_map(below).collect()
}

/// The results of samples in one process.
pub struct Run {
    /// The process.
    pub test: TestProcess,
    /// The key and the aggregate type of each record, by object and external id.
    pub records: BTreeMap<String, (EntityKey, String)>,
}

impl Run {
    /// A run without samples yet, on an empty file.
    pub async fn new() -> Self {
        Self { test: TestProcess::new().await, records: BTreeMap::new() }
    }

    /// Ingests a text.
    pub async fn take(&mut self, provider: Provider, text: &str) -> Vec<EventRead> {
        let ingested = self.test.process.handler.ingest_body(provider, text, CommandMetadata::default()).await;
        let reads = ingested.expect("a sample is JSON, and the store answers").results;
        for read in &reads {
            if let (Some(name), Some(id), Some(aggregate_id), Some(aggregate_type)) =
                (&read.entity_name, &read.external_id, read.aggregate_id, &read.aggregate_type)
            {
                let key = EntityKey { entity_name: name.clone(), aggregate_id };
                self.records.insert(format!("{name} {id}"), (key, aggregate_type.to_string()));
            }
        }
        reads
    }

    /// Ingests samples, one call each. Returns the results of each.
    pub async fn take_all<'a>(&mut self, samples: impl IntoIterator<Item = &'a Sample>) -> Vec<Vec<EventRead>> {
        let mut answers = Vec::new();
        for sample in samples {
            answers.push(self.take(sample.provider, &sample.text).await);
        }
        answers
    }

    /// The entity of each record, as readers get it.
    pub async fn entities(&self) -> BTreeMap<String, Value> {
        let mut entities = BTreeMap::new();
        for (record, (key, aggregate_type)) in &self.records {
            entities
                .insert(record.clone(), seen(&self.test.process, aggregate_type, &key.aggregate_id.to_string()).await);
        }
        entities
    }

    /// The state of each record: its fields and the numbers of the events that set them.
    pub async fn views(&self, events: &HashMap<EventId, usize>) -> BTreeMap<String, View> {
        let mut views = BTreeMap::new();
        for (record, (key, _)) in &self.records {
            let state = self.test.load(key).await;
            let process = &self.test.process;
            views.insert(record.clone(), View::of(&state, &process.catalog, &process.adapters, events));
        }
        views
    }

    /// The state that is stored in addition to the events.
    pub fn state(&self) -> StatePorts {
        StatePorts::of(SqliteStateStore::new(Database::open(&self.test.settings.db).expect("the file opens")))
    }

    /// The refetch tasks, by record.
    pub async fn refetch(&self) -> BTreeMap<EntityKey, RefetchTask> {
        let tasks =
            self.state().refetch.earliest(Provider::Salesforce, usize::MAX >> 1).await.expect("the store answers");
        tasks.into_iter().map(|task| (task.key.clone(), task)).collect()
    }

    /// The backfill jobs.
    pub async fn jobs(&self) -> Vec<BackfillJob> {
        self.state().jobs.all().await.expect("the store answers")
    }

    /// The quarantine entries in all states.
    pub async fn quarantine(&self) -> Vec<QuarantineEntry> {
        self.test.process.handler.quarantine().list(None, None, ALL).await.expect("the store answers")
    }

    /// The published events.
    pub fn published_events(&self) -> Vec<Map<String, Value>> {
        let text = fs::read_to_string(self.test.published_events()).expect("the file of published events");
        text.lines().map(|line| serde_json::from_str(line).expect("a line is a JSON object")).collect()
    }
}

/// The response to readers: the entity, or why there is none.
pub async fn seen(process: &LocalProcess, aggregate_type: &str, id: &str) -> Value {
    match process.queries.get(aggregate_type, id).await {
        Ok(document) => serde_json::from_str(document.json.get()).expect("an entity is JSON"),
        Err(QueryError::AwaitingBase { .. }) => json!("awaiting base"),
        Err(error) => json!(error.to_string()),
    }
}

/// The events of the results, numbered in their order.
pub fn numbered(answers: &[Vec<EventRead>]) -> HashMap<EventId, usize> {
    let ids = answers.iter().flatten().filter_map(|read| read.event_id).collect::<Vec<_>>();
    let mut numbers = HashMap::new();
    for (number, id) in ids.into_iter().enumerate() {
        numbers.entry(id).or_insert(number);
    }
    numbers
}

/// An entity without its version, which depends on the order of arrival.
pub fn without_version(mut entity: Value) -> Value {
    if let Some(object) = entity.as_object_mut() {
        object.remove("version");
    }
    entity
}
