//! The account for services that refuse to run as root.
//!
//! It is the user's own account, or `nobody` if the user is root. Its files are in a folder that `nobody` can reach.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use anyhow::{Context, Result, ensure};

/// The id of `nobody` and of its group on Debian, where root runs the services.
const NOBODY: &str = "65534";

static ROOT: LazyLock<bool> = LazyLock::new(|| {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|id| id.stdout.trim_ascii() == b"0")
});

/// Whether this process runs as root.
pub(crate) fn is_root() -> bool {
    *ROOT
}

/// A command that runs the program under that account.
pub(super) fn unprivileged(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]).arg(program);
    command
}

/// `home`, or another folder if that account cannot reach it.
pub(super) fn reachable(home: &Path) -> Result<PathBuf> {
    fs::create_dir_all(home).with_context(|| format!("`{}` cannot be made", home.display()))?;
    if can_reach(home) {
        return Ok(home.to_owned());
    }
    let open = std::env::temp_dir().join("annals-services");
    fs::create_dir_all(&open).with_context(|| format!("`{}` cannot be made", open.display()))?;
    // Anybody can create this folder: one of another user could contain programs that we would run.
    let owner = fs::symlink_metadata(&open)?.uid();
    ensure!(owner == 0, "`{}` belongs to user {owner}, not to root", open.display());
    ensure!(
        can_reach(&open),
        "neither `{}` nor `{}` can be reached by a user who is not root",
        home.display(),
        open.display()
    );
    Ok(open)
}

/// Makes that account the owner of a folder.
pub(super) fn give_folder_to_account(folder: &Path) -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let status = Command::new("chown").args(["-R", &format!("{NOBODY}:{NOBODY}")]).arg(folder).status();
    ensure!(
        status.context("`chown` did not start")?.success(),
        "`{}` cannot be given to another owner",
        folder.display()
    );
    Ok(())
}

fn can_reach(folder: &Path) -> bool {
    let mut test = unprivileged(Path::new("test"));
    test.arg("-x").arg(folder).stderr(Stdio::null());
    test.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A folder of that mode.
    fn folder(mode: u32) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).expect("it is ours");
        folder
    }

    #[test]
    fn an_open_home_is_used() {
        let folder = folder(0o755);
        assert_eq!(reachable(folder.path()).expect("it is there"), folder.path());
    }

    #[test]
    fn root_replaces_a_home_that_only_root_can_enter() {
        let folder = folder(0o700);
        let home = folder.path().join("services");
        let reached = reachable(&home).expect("there is one");
        assert_eq!(reached != home, *ROOT, "{}", reached.display());
    }

    #[test]
    fn a_service_never_runs_as_root() {
        let output = unprivileged(Path::new("id")).arg("-u").output().expect("`id` is everywhere");
        assert_ne!(output.stdout.trim_ascii(), b"0");
    }
}
