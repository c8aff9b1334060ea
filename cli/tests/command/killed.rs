//! A process killed in the middle of an ingest, and started again.

use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::changes::{created, lines, updated};
use crate::folder::{Folder, Run};

const RECORDS: u64 = 1_000;
const EVENTS: u64 = 10_000;
/// When to kill: once so many quarters of the size after a clean run are written. A log holds pages more than once, so
/// more is written than remains.
const MOMENTS: [u64; 3] = [1, 4, 7];
/// More moments, for a machine on which none of these is in the middle.
const MORE_MOMENTS: [u64; 6] = [2, 3, 5, 6, 8, 9];

/// The events in a bad order, some updates before their creations.
fn events() -> String {
    let number = |step: u64| step * 7_919 % EVENTS;
    let event = |number: u64| match number / RECORDS {
        0 => created(number % RECORDS),
        second => updated(number % RECORDS, second),
    };
    lines((0..EVENTS).map(number).map(event))
}

/// All pages of the clients.
fn pages(folder: &Folder) -> Vec<Value> {
    let page = |number: u64| {
        let number = number.to_string();
        let words = ["list", "clients", "--sort", "name", "--page-size", "200", "--json", "--page", &number];
        folder.json(&words)
    };
    (1..=RECORDS / 200 + 1).map(page).collect()
}

/// The bytes of the database on the disk, with its log.
fn written(folder: &Folder) -> u64 {
    let size = |name: &str| std::fs::metadata(folder.path().join(name)).map_or(0, |file| file.len());
    size("annals.db") + size("annals.db-wal")
}

/// Starts an ingest and kills it once so much is written.
fn killed_at(folder: &Folder, bytes: u64) -> Run {
    let mut child = folder.spawn(&mut folder.command(&["ingest", "in.jsonl", "--json"]));
    let deadline = Instant::now() + Duration::from_secs(120);
    // Its results fill the pipe, so they have to be read.
    let mut stdout = child.stdout.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut printed = String::new();
        std::io::Read::read_to_string(&mut stdout, &mut printed).map(|_| printed)
    });
    while written(folder) < bytes && child.try_wait().unwrap().is_none() {
        assert!(Instant::now() < deadline, "nothing is written");
        sleep(Duration::from_millis(1));
    }
    let _ = child.kill();
    let mut run = Run::of(child.wait_with_output().unwrap());
    run.stdout = reader.join().unwrap().unwrap();
    run
}

#[test]
fn an_ingest_killed_in_the_middle_and_run_again_stores_every_event_once() {
    let clean = Folder::new();
    clean.file("in.jsonl", events());
    clean.annals(&["ingest", "in.jsonl"]).exits(0);
    let (expected, all) = (pages(&clean), written(&clean));
    assert_eq!(expected[0]["count"], json!(RECORDS));

    let mut hits = 0;
    for (tried, quarters) in MOMENTS.into_iter().chain(MORE_MOMENTS).enumerate() {
        if tried < MOMENTS.len() || hits == 0 {
            hits += u32::from(was_in_the_middle(all * quarters / 4, &expected));
        }
    }
    assert!(hits > 0, "no kill was in the middle");
}

/// Kills a run once so much is written, runs it again, and checks the result. Returns whether the kill was in the
/// middle: before the end, with some events stored and some not.
fn was_in_the_middle(bytes: u64, expected: &[Value]) -> bool {
    let folder = Folder::new();
    folder.file("in.jsonl", events());
    let killed = killed_at(&folder, bytes);
    let again = folder.annals(&["ingest", "in.jsonl", "--json"]).exits(0);
    let new = again.counted("stored") + again.counted("awaiting_base");
    let stored_before = again.counted("duplicate");
    assert_eq!(new + stored_before, EVENTS);
    assert!(pages(&folder) == expected, "the read model is not that of a clean run");
    check_versions(&folder);
    killed.code.is_none() && new > 0 && stored_before > 0
}

/// Every record has ten events at dense versions, each event once.
fn check_versions(folder: &Folder) {
    for record in [0, 1, 499, RECORDS - 1] {
        let page = folder.json(&["history", "client", &format!("001{record:012}"), "--json"]);
        let events = page["results"].as_array().unwrap();
        let versions: Vec<u64> = events.iter().map(|event| event["version"].as_u64().unwrap()).collect();
        assert_eq!(versions, (1..=EVENTS / RECORDS).collect::<Vec<_>>());
        let mut ids: Vec<&str> = events.iter().map(|event| event["event_id"].as_str().unwrap()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len() as u64, EVENTS / RECORDS);
    }
}
