//! Live changes, 50 a second, while `annals serve` reads all records: in the end everything is as the org has it.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use annals_benches::client::Client;
use annals_benches::server::Server;
use annals_fake_salesforce::Org;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::PAGE;
use crate::org::BenchOrg;

/// The time from one change to the next.
const EVERY: Duration = Duration::from_millis(20);
/// The changes go on at least so long.
const LEAST: Duration = Duration::from_secs(5);
/// By then no change is too recent to be compared, and what changed while it was read is read again, eleven seconds later.
const SETTLED: Duration = Duration::from_secs(20);
const TIMEOUT: Duration = Duration::from_secs(1_800);

pub(crate) fn run(annals: &Path, accounts: usize) -> Result<()> {
    println!("backfill of {accounts} records by annals serve, alone and during 50 live changes a second");
    for is_live in [false, true] {
        let folder = tempfile::tempdir()?;
        let org = BenchOrg::start(accounts)?;
        let server = Server::start(annals, folder.path(), &org.variables())?;
        let body = json!({ "page_size": PAGE }).to_string();
        let asked = Client::connect(&server.address)?.post("/events/backfill/clients", &body)?;
        ensure!(asked.status == 202, "{}", asked.body);
        let is_done = AtomicBool::new(false);
        let (job, posts) = std::thread::scope(|scope| {
            let working = is_live.then(|| scope.spawn(|| work(org.org(), &server.address, &is_done)));
            let job = until_done(&server.address);
            is_done.store(true, Ordering::Relaxed);
            let posts = working.map(|working| working.join().expect("no panic")).transpose();
            anyhow::Ok((job?, posts?.unwrap_or_default()))
        })?;
        let name = if is_live { "during changes" } else { "alone" };
        println!("  {name}: {} records, {}", job["processed"], took(&job)?);
        if is_live {
            report(posts);
            std::thread::sleep(SETTLED);
        }
        let (different, compared) = audit(annals, folder.path(), &org)?;
        let peaks = server.stop()?;
        println!(
            "  {compared} records compared with the org, {different} differ; memory {:.0} MB",
            peaks.memory as f64 / 1e6
        );
        ensure!(different == 0, "every record is as the org has it");
    }
    Ok(())
}

/// Changes records and posts their events until the backfill is done. Returns the time of each post.
fn work(org: &Org, address: &str, is_done: &AtomicBool) -> Result<Vec<Duration>> {
    let mut client = Client::connect(address)?;
    let ids = org.ids("Account");
    let (begin, mut times) = (Instant::now(), Vec::new());
    let mut number = 0_u32;
    while !is_done.load(Ordering::Relaxed) || begin.elapsed() < LEAST {
        change(org, &ids, number as usize);
        for event in org.take_events() {
            let start = Instant::now();
            let posted = client.post("/events/salesforce", &event)?;
            ensure!(posted.status == 200, "{}", posted.body);
            times.push(start.elapsed());
        }
        number += 1;
        std::thread::sleep((EVERY * number).saturating_sub(begin.elapsed()));
    }
    Ok(times)
}

/// Mostly an update; of each twelve changes one a creation and one a deletion.
fn change(org: &Org, ids: &[String], number: usize) {
    // Far apart, so that changes come before, during and after the reading of their records.
    let id = &ids[number * 7_919 % ids.len()];
    match number % 12 {
        0 => drop(org.create("Account", json!({ "Name": format!("new {number}") }))),
        1 if org.record("Account", id).is_some_and(|record| record["IsDeleted"] != true) => org.delete("Account", id),
        _ if org.record("Account", id).is_none_or(|record| record["IsDeleted"] == true) => {}
        _ => org.update("Account", id, json!({ "Description": format!("change {number}") })),
    }
}

fn until_done(address: &str) -> Result<Value> {
    let (mut client, begin) = (Client::connect(address)?, Instant::now());
    loop {
        let status: Value = serde_json::from_str(&client.get("/events/backfill/clients/status")?.body)?;
        if status["state"] == "done" {
            return Ok(status);
        }
        ensure!(status["state"] != "paused" && begin.elapsed() < TIMEOUT, "{status}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The time from the first read to the end.
fn took(job: &Value) -> Result<String> {
    let at = |name: &str| -> Result<i64> {
        let text = job[name].as_str().with_context(|| format!("{name} of {job}"))?;
        Ok(text.parse::<annals_domain::timestamp::Timestamp>()?.millis())
    };
    let seconds = (at("updated_at")? - at("started_at")?) as f64 / 1e3;
    let rate = job["processed"].as_f64().unwrap_or(0.0) / seconds.max(0.001);
    Ok(format!("{seconds:.1} s, {rate:.0} records/s"))
}

fn report(mut posts: Vec<Duration>) {
    posts.sort();
    let at = |percent: usize| posts.get(posts.len() * percent / 100).copied().unwrap_or_default().as_millis();
    println!("  {} events posted meanwhile: p50 {} ms, p99 {} ms", posts.len(), at(50), at(99));
}

/// The number of records that differ, and of those compared.
fn audit(annals: &Path, folder: &Path, org: &BenchOrg) -> Result<(usize, u64)> {
    let mut command = Command::new(annals);
    command.args(["audit", "clients", "--json"]).current_dir(folder).envs(org.variables()).stderr(Stdio::null());
    let output = command.output()?;
    let reports: Value = serde_json::from_slice(&output.stdout)?;
    let different = reports[0]["different"].as_array().context("a report names what differs")?;
    if let Some(first) = different.first() {
        println!("  for example {first}");
    }
    Ok((different.len(), reports[0]["compared"].as_u64().unwrap_or_default()))
}
