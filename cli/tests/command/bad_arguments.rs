//! Invalid paths, databases and arguments.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::changes::created;
use crate::folder::{Folder, Run};

/// A user without permissions on any system.
const NOBODY: u32 = 65_534;

fn with_an_event() -> Folder {
    let folder = Folder::new();
    folder.file("in.json", created(1).to_string());
    folder
}

#[track_caller]
fn check(arguments: &[&str], code: i32, printed: &[&str]) {
    let folder = with_an_event();
    fs::create_dir_all(folder.path().join("nothing")).unwrap();
    folder.file("other/README.md", "no event");
    let run = folder.annals(arguments).exits(code).prints(printed);
    assert_eq!(run.stdout, "");
    assert!(!folder.path().join("annals.db").exists(), "a database was created");
}

#[test]
fn invalid_arguments_are_refused_before_anything_is_opened() {
    check(
        &["ingest", "in.json", "--provider", "zoho"],
        2,
        &["unknown provider `zoho`: expected salesforce, hubspot or pipedrive"],
    );
    check(&["ingest"], 2, &["<PATH>"]);
    check(&["frobnicate"], 2, &["frobnicate"]);
    check(&["list", "clients", "--filter", "name"], 2, &["expected FIELD=VALUE"]);
    check(&["ingest", "in.json", "--log", "annals=loud"], 2, &["--log `annals=loud`"]);
    check(&["serve", "--listen", "here"], 2, &["here"]);
}

#[test]
fn missing_paths_and_folders_without_events_are_named() {
    check(&["ingest", "in.json", "gone.json"], 2, &["error: gone.json: no such file or folder"]);
    check(&["ingest", "nothing"], 2, &["error: nothing: no event files in this folder", "hint: event files end in"]);
    check(&["ingest", "other"], 2, &["error: other: no event files in this folder"]);
    check(&["serve", "gone"], 2, &["error: gone: no such file or folder"]);
}

#[test]
fn reading_never_creates_a_database() {
    for command in [&["list", "clients"][..], &["get", "client", "1"], &["quarantine", "list"], &["rebuild"]] {
        check(command, 2, &["error: annals.db: no such database"]);
    }
}

#[test]
fn a_provider_without_an_adapter_is_refused() {
    let run = with_an_event().annals(&["ingest", "in.json", "--provider", "hubspot"]).exits(2);
    assert_eq!(run.stderr, "error: hubspot events are not supported yet\nhint: use salesforce\n");
}

#[test]
fn an_unreadable_file_is_named_and_the_others_are_ingested() {
    let folder = Folder::new();
    folder.file("in/1.json", created(1).to_string());
    folder.file("in/3.json", created(3).to_string());
    // A link to itself cannot be opened by anyone, whatever their permissions.
    std::os::unix::fs::symlink("2.json", folder.path().join("in/2.json")).unwrap();
    let run = folder.annals(&["ingest", "in", "--json"]).exits(1).prints(&["in/2.json: cannot be read: "]);
    assert_eq!((run.counted("stored"), run.counted("failed")), (2, 1));
}

#[track_caller]
fn bad_database(bytes: &[u8], printed: &str) {
    let folder = with_an_event();
    folder.file("annals.db", bytes);
    for command in
        [&["ingest", "in.json"][..], &["list", "clients"], &["serve", "--listen", "127.0.0.1:0"], &["rebuild"]]
    {
        let run = folder.annals(command).exits(1).prints(&["error: ", "annals.db", printed]);
        assert_eq!(run.stdout, "", "{command:?}");
    }
    assert_eq!(fs::read(folder.path().join("annals.db")).unwrap(), bytes, "the file was changed");
}

#[test]
fn a_file_that_is_no_database_is_refused_and_not_changed() {
    bad_database(b"this is no database, and long enough to be looked at as one", "is not a database, or is damaged");
    bad_database(&[0x53; 8192], "is not a database, or is damaged");
}

#[test]
fn a_damaged_database_is_refused_by_name() {
    let folder = with_an_event();
    folder.annals(&["ingest", "in.json"]).exits(0);
    let path = folder.path().join("annals.db");
    let mut bytes = fs::read(&path).unwrap();
    // All but the header is overwritten.
    bytes[100..].fill(0xA5);
    fs::write(&path, &bytes).unwrap();
    folder.annals(&["list", "clients"]).exits(1).prints(&["error: ", "annals.db"]);
    folder.annals(&["ingest", "in.json"]).exits(1).prints(&["error: ", "annals.db"]);
}

/// Runs the command as a user who may only read the files of the folder.
fn as_a_reader(folder: &Folder, arguments: &[&str]) -> Run {
    let is_root = fs::metadata(folder.path()).unwrap().uid() == 0;
    for (path, mode) in [(folder.path().to_owned(), 0o555), (folder.path().join("annals.db"), 0o444)] {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    let output = if is_root {
        // Permissions do not restrict the root user, so it runs as another one, who may not be able to reach the
        // folder of the built command.
        let reachable = Folder::new();
        let copy = reachable.path().join("annals");
        fs::copy(env!("CARGO_BIN_EXE_annals"), &copy).unwrap();
        fs::set_permissions(reachable.path(), fs::Permissions::from_mode(0o755)).unwrap();
        Command::new(copy).args(arguments).current_dir(folder.path()).uid(NOBODY).gid(NOBODY).output().unwrap()
    } else {
        folder.command(arguments).output().unwrap()
    };
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    Run::of(output)
}

#[test]
fn a_read_only_database_is_refused_by_name_and_nothing_in_it_changes() {
    let folder = with_an_event();
    folder.annals(&["ingest", "in.json"]).exits(0);
    let before = fs::read(folder.path().join("annals.db")).unwrap();
    as_a_reader(&folder, &["ingest", "in.json"]).exits(1).prints(&["error: ", "annals.db", "read-only"]);
    as_a_reader(&folder, &["serve", "--listen", "127.0.0.1:0"]).exits(1).prints(&["error: ", "annals.db", "read-only"]);
    assert_eq!(fs::read(folder.path().join("annals.db")).unwrap(), before);
}

/// Such as a backup on a read-only medium.
#[test]
fn commands_that_only_read_work_on_a_read_only_database() {
    let folder = with_an_event();
    folder.annals(&["ingest", "in.json"]).exits(0);
    let list = folder.json(&["list", "clients", "--json"]);
    let id = list["results"][0]["id"].as_str().unwrap();
    for arguments in [
        &["get", "client", id][..],
        &["get", "client", id, "--version", "1"],
        &["list", "clients"],
        &["history", "client", id],
        &["diff", "client", id, "--from", "2023-01-01", "--to", "2025-01-01"],
        &["export", "clients"],
        &["export", "clients", "--as-of", "2025-01-01"],
        &["quarantine", "list"],
        &["doctor"],
    ] {
        as_a_reader(&folder, arguments).exits(0);
    }
}

#[test]
fn a_port_in_use_is_named_and_nothing_is_ingested() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = with_an_event();
    let run = folder.annals(&["serve", "in.json", "--listen", &address]).exits(1);
    let first = run.stderr.lines().next().unwrap();
    assert_eq!(first, format!("error: {address} is in use by another program"));
    assert!(!folder.path().join("annals.db").exists(), "a database was created");
}

#[test]
fn an_address_that_other_machines_can_reach_needs_tokens() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:8080"] {
        check(
            &["serve", "--listen", address],
            2,
            &["can be reached from other machines, so a login is needed", "--token-file"],
        );
    }
    check(&["serve", "--token-file", "gone"], 2, &["error: gone: cannot read the token file: "]);
    check(&["serve", "--token-file", "other/README.md"], 2, &["error: other/README.md: line 1: "]);
}

#[cfg(not(feature = "aws"))]
#[test]
fn a_build_without_aws_names_the_feature_and_how_to_build_with_it() {
    for command in [&["list", "clients"][..], &["rebuild"], &["doctor"]] {
        let arguments = [command, &["--target", "aws"]].concat();
        check(&arguments, 2, &["needs the cargo feature `aws`", "cargo install --path cli --features aws"]);
    }
}
