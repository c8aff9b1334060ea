//! Room on the disk of a database.

use std::path::Path;

use super::check::Check;

/// Below it nothing more may be stored soon.
const LEAST: u64 = 100 * 1024 * 1024;

/// Whether there is room to store more, and to rebuild.
pub(super) fn check(db: &Path) -> Check {
    let on = "room";
    let folder = db.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let (free, size) = match (rustix::fs::statvfs(folder), std::fs::metadata(db)) {
        (Ok(disk), Ok(file)) => (disk.f_bavail.saturating_mul(disk.f_frsize), file.len()),
        (Err(error), _) => return Check::unknown(on, format!("the disk does not tell: {error}")),
        (_, Err(error)) => return Check::unknown(on, format!("the file does not tell: {error}")),
    };
    judge(on, free, size)
}

/// A rebuild makes a second read model beside the first, at worst as large as the file.
fn judge(on: &str, free: u64, size: u64) -> Check {
    let mib = |bytes: u64| bytes / (1024 * 1024);
    let found = format!("{} MiB are free, the database has {}", mib(free), mib(size));
    if free < LEAST {
        return Check::wrong(on, found, "make room on this disk, or move the database to another");
    }
    if free < LEAST + size {
        return Check::warning(on, found, "make room before a rebuild, which may need as much again");
    }
    Check::ok(on, found)
}

#[cfg(test)]
mod tests {
    use super::super::check::Verdict;
    use super::*;

    #[test]
    fn room_is_needed_for_a_rebuild_too() {
        let mib = 1024 * 1024;
        let verdict = |free: u64, size: u64| judge("room", free * mib, size * mib).verdict;
        assert_eq!(verdict(99, 0), Verdict::Wrong);
        assert_eq!(verdict(150, 100), Verdict::Warning);
        assert_eq!(verdict(201, 100), Verdict::Ok);
    }
}
