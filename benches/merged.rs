//! One change event of 20,000 records, as a picklist replacement gives it: in one process on SQLite by the command as a
//! user runs it, and on DynamoDB by the command handler. Each is also killed once in the middle and continued.
//!
//! Floor: the same changes as one event a record. Required: every record has its change exactly once, and the merged
//! event takes at most 1.2 of the floor's time.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use annals_application::commands::{Action, CommandHandler, CommandMetadata, Outcome};
use annals_aws_tests::test_tables::TestTables;
use annals_benches::{ROUNDS, is_small, peak_memory, remove_database, run_measured, try_pair};
use annals_domain::identity::Provider;
use annals_services::built;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::runtime::Builder;

/// The changes of a call, where each record has an event of its own.
const CALL: usize = 2_000;

/// Longer than any call here takes.
const DEADLINE: Duration = Duration::from_secs(600);

fn event(ids: &[String], transaction: usize) -> String {
    let header = json!({
        "entityName": "Account", "recordIds": ids, "changeType": "CREATE", "transactionKey": format!("t{transaction}"),
        "sequenceNumber": 1, "commitTimestamp": 1_770_000_000_000_u64, "commitNumber": 1_770_000_000_000_000_000_u64,
        "commitUser": "005000000000001AAA", "changeOrigin": "com/salesforce/api/soap/66.0;client=SfdcInternalAPI/",
    });
    json!({ "ChangeEventHeader": header, "Account_Status__c": "Active", "Name": "Acme" }).to_string()
}

/// The ids of a round's records. No two rounds have a record in common.
fn ids(round: usize, records: usize) -> Vec<String> {
    (round * records..(round + 1) * records).map(|record| format!("001{record:012}AAA")).collect()
}

fn command(annals: &Path, input: &Path, db: &Path) -> Command {
    let mut command = Command::new(annals);
    command.arg("ingest").arg(input).arg("--db").arg(db).args(["--publish", "none"]).stdout(Stdio::null());
    command
}

/// Ingests a file into a new database. Returns the time and the peak memory in bytes.
fn ingest(annals: &Path, input: &Path, db: &Path) -> Result<(Duration, u64)> {
    remove_database(db);
    run_measured(&mut command(annals, input, db))
}

fn count(annals: &Path, db: &Path) -> Result<u64> {
    let list = Command::new(annals).args(["list", "clients", "--json", "--db"]).arg(db).output()?;
    let page: Value = serde_json::from_slice(&list.stdout)?;
    page["count"].as_u64().context("a page has a count")
}

fn on_sqlite(records: usize) -> Result<()> {
    let built = built(&["annals"], &[]);
    let annals = built.get("annals").context("cargo names every binary that it built")?;
    let folder = tempfile::tempdir()?;
    let file = |name: &str| folder.path().join(name);
    let (merged, single, db) = (file("merged.json"), file("single.jsonl"), file("annals.db"));
    let ids = ids(0, records);
    fs::write(&merged, event(&ids, 0))?;
    let lines: Vec<String> = ids.iter().map(|id| event(std::slice::from_ref(id), 0)).collect();
    fs::write(&single, lines.join("\n"))?;
    let mut peaks = Vec::new();
    let (floor, subject) = try_pair(
        &format!("one event of {records} records on SQLite (floor: one event a record)"),
        || Ok::<_, anyhow::Error>(ingest(annals, &single, &db)?.0),
        || {
            let (time, peak) = ingest(annals, &merged, &db)?;
            peaks.push(peak);
            Ok(time)
        },
    )?;
    let peak = peaks.iter().max().copied().unwrap_or(0) as f64 / 1e6;
    println!("  {:.2} of the floor's time (must be at most 1.2), peak memory {peak:.0} MB", subject.over(&floor));
    ensure!(count(annals, &db)? == records as u64, "every record has its change");

    remove_database(&db);
    let mut killed = command(annals, &merged, &db).spawn()?;
    std::thread::sleep(subject.median() / 2);
    killed.kill()?;
    killed.wait()?;
    let before = count(annals, &db).unwrap_or(0);
    run_measured(&mut command(annals, &merged, &db))?;
    let after = count(annals, &db)?;
    ensure!(after == records as u64, "every record has its change after a kill, but {after} have");
    println!("  killed in the middle: {before} records before, {after} after the next run");
    Ok(())
}

async fn handle(handler: &CommandHandler, inputs: Vec<String>) -> Result<usize> {
    let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
    let deadline = Some(tokio::time::Instant::now() + DEADLINE);
    let metadata = CommandMetadata { deadline, ..CommandMetadata::default() };
    let commands = handler.commands_of(Provider::Salesforce, &inputs, &metadata);
    ensure!(commands.iter().all(|command| matches!(command.action, Action::ProcessCrmEvent { .. })));
    let reads = handler.handle(commands).await?.concat();
    Ok(reads.iter().filter(|read| read.outcome == Outcome::Stored).count())
}

fn on_dynamodb(records: usize) -> Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let test_tables = runtime.block_on(TestTables::new("merged"));
    let handler = test_tables.installation().handler();
    let (mut of_floor, mut of_subject) = (0, ROUNDS + 1);
    let before = peak_memory(std::process::id());
    let (floor, subject) = try_pair(
        &format!("one event of {records} records on DynamoDB (floor: one event a record)"),
        || {
            let single: Vec<String> =
                ids(of_floor, records).iter().map(|id| event(std::slice::from_ref(id), 0)).collect();
            of_floor += 1;
            let start = Instant::now();
            for inputs in single.chunks(CALL) {
                let stored = runtime.block_on(handle(&handler, inputs.to_vec()))?;
                ensure!(stored == inputs.len(), "{stored} of {} are stored", inputs.len());
            }
            Ok::<_, anyhow::Error>(start.elapsed())
        },
        || {
            let input = event(&ids(of_subject, records), of_subject);
            of_subject += 1;
            let start = Instant::now();
            let stored = runtime.block_on(handle(&handler, vec![input]))?;
            ensure!(stored == records, "{stored} of {records} are stored");
            Ok(start.elapsed())
        },
    )?;
    let peak = (peak_memory(std::process::id()) - before) as f64 / 1e6;
    println!(
        "  {:.2} of the floor's time (must be at most 1.2), {peak:.0} MB more memory at its peak",
        subject.over(&floor)
    );

    let input = event(&ids(of_subject, records), of_subject);
    let first = runtime.block_on(async {
        tokio::time::timeout(subject.median() / 2, handle(&handler, vec![input.clone()])).await.is_err()
    });
    ensure!(first, "the first call was to be ended in the middle");
    let start = Instant::now();
    let rest = runtime.block_on(handle(&handler, vec![input.clone()]))?;
    ensure!(rest < records, "the first call has stored some");
    ensure!(runtime.block_on(handle(&handler, vec![input]))? == 0, "every record has its change");
    println!(
        "  ended in the middle: the next delivery stored the last {rest} in {:.2} s",
        start.elapsed().as_secs_f64()
    );
    runtime.block_on(test_tables.remove());
    Ok(())
}

fn main() -> Result<()> {
    let records = if is_small() { 500 } else { 20_000 };
    on_sqlite(records)?;
    on_dynamodb(records)
}
