//! Writers and readers, each a thread with a connection of its own.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use annals_tests::changes::{change, record_id};
use anyhow::{Result, ensure};

use annals_benches::client::Client;
use annals_benches::server::Server;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Readers {
    /// They list, search and read entities in turns.
    pub(crate) usual: usize,
    /// They search for 50 words that no index helps to find.
    pub(crate) slow: usize,
}

impl Readers {
    pub(crate) const NONE: Self = Self { usual: 0, slow: 0 };
}

/// What a phase came to.
pub(crate) struct Phase {
    time: Duration,
    /// The time of each acknowledged post, sorted.
    posts: Vec<Duration>,
    reads: usize,
    pub(crate) unavailable: usize,
}

impl Phase {
    pub(crate) fn acknowledged(&self) -> usize {
        self.posts.len()
    }

    pub(crate) fn posts_a_second(&self) -> f64 {
        self.posts.len() as f64 / self.time.as_secs_f64()
    }

    pub(crate) fn reads_a_second(&self) -> f64 {
        self.reads as f64 / self.time.as_secs_f64()
    }

    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        let last = self.posts.len().saturating_sub(1);
        self.posts.get(last * percent / 100).copied().unwrap_or_default()
    }
}

/// Updates every record in turn, so that each update is new.
pub(crate) struct Load {
    records: usize,
    next: usize,
}

impl Load {
    pub(crate) fn new(records: usize) -> Self {
        Self { records, next: 0 }
    }

    pub(crate) fn run(&mut self, server: &Server, writers: usize, readers: Readers, time: Duration) -> Result<Phase> {
        let (stop, start) = (AtomicBool::new(false), self.next);
        let (records, stop) = (self.records, &stop);
        let begin = Instant::now();
        let results = std::thread::scope(|scope| {
            let write = |writer| move || write(server, start + writer, writers, records, stop);
            let writing: Vec<_> = (0..writers).map(|writer| scope.spawn(write(writer))).collect();
            let usual: Vec<_> =
                (0..readers.usual).map(|reader| scope.spawn(move || read(server, reader, records, stop))).collect();
            let slow: Vec<_> =
                (0..readers.slow).map(|reader| scope.spawn(move || search(server, reader, stop))).collect();
            std::thread::sleep(time);
            stop.store(true, Ordering::Relaxed);
            let joined = |thread: std::thread::ScopedJoinHandle<'_, Result<_>>| thread.join().expect("no panic");
            let read: Result<Vec<(usize, usize)>> = usual.into_iter().chain(slow).map(joined).collect();
            let written: Result<Vec<Vec<Duration>>> =
                writing.into_iter().map(|thread| thread.join().expect("no panic")).collect();
            anyhow::Ok((written?, read?))
        });
        let (written, read) = results?;
        let longest = written.iter().map(Vec::len).max().unwrap_or(0);
        // Every writer has a place of its own in each row of changes.
        self.next = start + longest * writers;
        let mut posts = written.concat();
        posts.sort();
        let (reads, unavailable) = read.iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        Ok(Phase { time: begin.elapsed(), posts, reads, unavailable })
    }
}

fn write(server: &Server, first: usize, step: usize, records: usize, stop: &AtomicBool) -> Result<Vec<Duration>> {
    let mut client = Client::connect(&server.address)?;
    let mut times = Vec::new();
    for number in (first..).step_by(step) {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let body = change(1 + number / records, number % records).to_string();
        let begin = Instant::now();
        let response = client.post("/events/salesforce", &body)?;
        times.push(begin.elapsed());
        let is_stored = response.status == 200 && response.body.contains("\"outcome\":\"stored\"");
        ensure!(is_stored, "{}: {}", response.status, response.body);
    }
    Ok(times)
}

/// The number of reads, and of those that were answered with 503.
fn read(server: &Server, reader: usize, records: usize, stop: &AtomicBool) -> Result<(usize, usize)> {
    let mut client = Client::connect(&server.address)?;
    let (mut reads, mut unavailable) = (0, 0);
    while !stop.load(Ordering::Relaxed) {
        let record = (reads * 7_919 + reader) % records;
        let path = match reads % 4 {
            0 => "/clients?page_size=20".to_owned(),
            1 => format!("/clients?search_term=company+{record}+renamed"),
            2 => "/clients/count?status=Active".to_owned(),
            _ => format!("/clients/{}", record_id(record)),
        };
        let response = client.get(&path)?;
        ensure!([200, 503].contains(&response.status), "{path}: {} {}", response.status, response.body);
        reads += 1;
        unavailable += usize::from(response.status == 503);
    }
    Ok((reads, unavailable))
}

fn search(server: &Server, reader: usize, stop: &AtomicBool) -> Result<(usize, usize)> {
    let mut client = Client::connect(&server.address)?;
    // Two letters each: too short for the index of trigrams. Most occur in every text.
    let letters: Vec<char> = "acdeghiknmoprstuwy".chars().collect();
    let words = (0..50).map(|word| format!("{}{}", letters[word % 7], letters[(word * 5 + reader) % 18]));
    let path = format!("/clients?sort=description&search_term={}", words.collect::<Vec<_>>().join("+"));
    let (mut reads, mut unavailable) = (0, 0);
    while !stop.load(Ordering::Relaxed) {
        let response = client.get(&path)?;
        ensure!([200, 503].contains(&response.status), "{}: {}", response.status, response.body);
        reads += 1;
        unavailable += usize::from(response.status == 503);
    }
    Ok((reads, unavailable))
}
