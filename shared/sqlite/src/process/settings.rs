//! What an operator sets, and what follows from it: adapters and definitions.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use annals_domain::definition::{Catalog, DefinitionFile};
use annals_domain::provider_adapter::ProviderAdapters;

use super::ProcessError;

/// Where announcements go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublishTo {
    /// Nowhere: nothing is announced.
    Nowhere,
    /// To standard output, a JSON line each.
    Stdout,
    /// To the end of a file, a JSON line each.
    File(PathBuf),
}

/// The settings of a local process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessSettings {
    /// The database file.
    pub db: PathBuf,
    /// A folder of definitions that stand for those that ship.
    pub entities: Option<PathBuf>,
    /// The Salesforce org whose events are taken; `None`: any, and none is checked.
    pub salesforce_org: Option<String>,
    /// Where announcements go.
    pub publish: PublishTo,
}

impl ProcessSettings {
    /// The adapters, for the accounts that are set.
    pub(crate) fn adapters(&self) -> Result<ProviderAdapters, ProcessError> {
        Ok(annals_crm::adapters(self.salesforce_org.as_deref())?)
    }

    /// The definitions: the folder's, or those that ship.
    pub(crate) fn catalog(&self, adapters: &ProviderAdapters) -> Result<Catalog, ProcessError> {
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
        return Err(unreadable(folder, io::Error::new(io::ErrorKind::NotFound, "it holds no .toml file")));
    }
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).map_err(|source| unreadable(&path, source))?;
        Ok(DefinitionFile { name: path.display().to_string(), text })
    };
    paths.into_iter().map(read).collect()
}
