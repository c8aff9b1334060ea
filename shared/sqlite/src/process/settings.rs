//! The settings of a local process, and the adapters and definitions that follow from them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use annals_domain::definition::{Catalog, DefinitionFile};
use annals_domain::provider_adapter::ProviderAdapters;

use super::ProcessError;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublishTo {
    Nowhere,
    /// To standard output, one JSON line for each event.
    Stdout,
    /// Appended to a file, one JSON line for each event.
    File(PathBuf),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessSettings {
    pub db: PathBuf,
    /// A folder of definitions that replace the built-in ones.
    pub entities: Option<PathBuf>,
    /// The Salesforce org whose events are accepted; `None` accepts every org.
    pub salesforce_org: Option<String>,
    pub publish: PublishTo,
}

impl ProcessSettings {
    /// The provider adapters. Fails if the org's id is invalid.
    pub fn adapters(&self) -> Result<ProviderAdapters, ProcessError> {
        Ok(annals_crm::adapters(self.salesforce_org.as_deref())?)
    }

    /// The definitions of the folder, or the built-in ones.
    pub fn catalog(&self, adapters: &ProviderAdapters) -> Result<Catalog, ProcessError> {
        let Some(folder) = &self.entities else { return Ok(Catalog::built_in(adapters)?) };
        let files = definition_files(folder)?;
        Ok(Catalog::load(&files, adapters)?)
    }
}

fn definition_files(folder: &Path) -> Result<Vec<DefinitionFile>, ProcessError> {
    let unreadable = |path: &Path, source| ProcessError::Entities { path: path.to_path_buf(), source };
    let listed = fs::read_dir(folder).and_then(|entries| entries.map(|entry| entry.map(|e| e.path())).collect());
    let mut paths: Vec<PathBuf> = listed.map_err(|source| unreadable(folder, source))?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    if paths.is_empty() {
        return Err(unreadable(folder, io::Error::new(io::ErrorKind::NotFound, "it has no .toml file")));
    }
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).map_err(|source| unreadable(&path, source))?;
        Ok(DefinitionFile { name: path.display().to_string(), text })
    };
    paths.into_iter().map(read).collect()
}
