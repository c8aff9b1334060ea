//! The account that services run under which refuse to run as root.
//!
//! Promises that for everyone but root it is one's own; for root it is nobody's, and what such a
//! service reads and writes lies where nobody can reach it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use anyhow::{Context, Result, ensure};

/// Nobody's id, of user and group, on every Linux that we know.
const NOBODY: &str = "65534";

/// See [`is_root`].
static ROOT: LazyLock<bool> = LazyLock::new(|| {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|id| id.stdout.trim_ascii() == b"0")
});

/// Whether we are root, on a system that lets root become another without asking.
pub(crate) fn is_root() -> bool {
    *ROOT
}

/// A command of a program under that account.
pub(super) fn unprivileged(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]).arg(program);
    command
}

/// `home`, or where it cannot be reached under that account, a folder that can.
pub(super) fn reachable(home: &Path) -> Result<PathBuf> {
    fs::create_dir_all(home).with_context(|| format!("`{}` cannot be made", home.display()))?;
    if can_reach(home) {
        return Ok(home.to_owned());
    }
    let open = std::env::temp_dir().join("annals-services");
    fs::create_dir_all(&open).with_context(|| format!("`{}` cannot be made", open.display()))?;
    // It is a folder for all: another's, found under this name, would have us run what they put there.
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

/// Hands a folder over to that account.
pub(super) fn hand_over(folder: &Path) -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let status = Command::new("chown").args(["-R", &format!("{NOBODY}:{NOBODY}")]).arg(folder).status();
    ensure!(status.context("`chown` did not start")?.success(), "`{}` cannot be handed over", folder.display());
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
    fn a_home_that_is_open_is_kept() {
        let folder = folder(0o755);
        assert_eq!(reachable(folder.path()).expect("it is there"), folder.path());
    }

    #[test]
    fn a_home_that_only_root_may_enter_is_exchanged_by_root_alone() {
        let folder = folder(0o700);
        let home = folder.path().join("services");
        let reached = reachable(&home).expect("there is one");
        assert_eq!(reached != home, *ROOT, "{}", reached.display());
    }

    #[test]
    fn root_is_put_down_and_others_are_left_as_they_are() {
        let output = unprivileged(Path::new("id")).arg("-u").output().expect("`id` is everywhere");
        assert_ne!(output.stdout.trim_ascii(), b"0");
    }
}
