//! Downloads from Maven's repository.
//!
//! A folder is complete or does not exist: an interrupted download starts again.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::jdk::Jdk;
use super::start;
use crate::command::Cargo;
use crate::machine::Need;

/// What is needed to create the folder. None if it exists.
pub(super) fn needs(folder: &Path) -> Option<Need> {
    (!folder.exists()).then_some(Need::Maven)
}

/// Fetches an artifact with all that it needs at run time, as `folder/*.jar`.
pub(super) fn libraries(artifact: &str, folder: &Path, jdk: &Jdk) -> Result<()> {
    create_folder(folder, |part| {
        fs::write(part.join("pom.xml"), project(artifact))?;
        let goal = "dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory=.";
        maven(goal, part, jdk)
    })
}

/// Fetches an archive and unpacks it; `inner` is the one folder in it.
pub(super) fn archive(artifact: &str, inner: &str, folder: &Path, jdk: &Jdk) -> Result<()> {
    create_folder(folder, |part| {
        maven(&format!("dependency:unpack -Dartifact={artifact} -DoutputDirectory=."), part, jdk)?;
        // The archive has one folder in it: move that up, by a name that nothing in the archive has.
        let (from, to) = (part.join(inner), part.with_extension("inner"));
        fs::rename(&from, &to).with_context(|| format!("`{inner}` is not in the archive"))?;
        fs::remove_dir_all(part)?;
        Ok(fs::rename(to, part)?)
    })
}

/// Creates `folder` under a temporary name, then renames it. Does nothing if it exists.
pub(crate) fn create_folder(folder: &Path, make: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    if folder.exists() {
        return Ok(());
    }
    let mut part = folder.as_os_str().to_owned();
    part.push(".part");
    let part = Path::new(&part);
    start::renew(part)?;
    make(part)?;
    fs::rename(part, folder).with_context(|| format!("`{}` cannot be renamed", folder.display()))
}

fn maven(goal: &str, folder: &Path, jdk: &Jdk) -> Result<()> {
    let mut command = Cargo::program("mvn", folder, &format!("-q -B -Dstyle.color=never {goal}"));
    // Maven looks for Java in the environment and the path, and ours may be elsewhere.
    let finds_java = || Cargo::program("java", folder, "-version").ask().is_some();
    if std::env::var_os("JAVA_HOME").is_none() && !finds_java() {
        command = command.env("JAVA_HOME", &jdk.home.to_string_lossy());
    }
    command.run().context("neither Maven nor a Docker engine could fetch it")
}

fn project(artifact: &str) -> String {
    let mut parts = artifact.split(':');
    let mut part = |tag: &str| format!("<{tag}>{}</{tag}>", parts.next().unwrap_or_default());
    let dependency = [part("groupId"), part("artifactId"), part("version")].concat();
    format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\"><modelVersion>4.0.0</modelVersion>\
         <groupId>local</groupId><artifactId>libraries</artifactId><version>1</version>\
         <dependencies><dependency>{dependency}</dependency></dependencies></project>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interrupted_folder_is_created_again() {
        let home = tempfile::tempdir().expect("a folder");
        let folder = home.path().join("a-1.2");
        let broken = create_folder(&folder, |part| {
            fs::write(part.join("half"), "")?;
            anyhow::bail!("the network is gone")
        });
        assert_eq!(broken.expect_err("it broke").to_string(), "the network is gone");
        assert!(!folder.exists());
        create_folder(&folder, |part| Ok(fs::write(part.join("whole"), "")?)).expect("it is made");
        let names: Vec<_> =
            fs::read_dir(&folder).expect("it is there").map(|entry| entry.expect("an entry").file_name()).collect();
        assert_eq!(names, ["whole"]);
        create_folder(&folder, |_| panic!("it is there already")).expect("nothing to do");
    }

    #[test]
    fn the_project_depends_on_the_artifact_alone() {
        let dependency =
            "<dependency><groupId>a.b</groupId><artifactId>c</artifactId><version>1</version></dependency>";
        assert!(project("a.b:c:1").contains(dependency), "{}", project("a.b:c:1"));
    }
}
