//! A group of connections that read, each on a thread of its own.
//!
//! Groups do not wait for each other: whatever the queries of users take, projection and ingest read at once. A read
//! ends at its time limit, and when its caller is gone: SQLite is interrupted then.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use annals_application::ports::{PortError, PortErrorKind};
use rusqlite::{Connection, ErrorCode, Transaction};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::timeout_at;

use super::Failure;
use super::gate::Gate;
use super::open::ReaderSource;
use super::stop_signal::{StopRequest, StopSignal};
use super::turns::{Passes, Turns};

/// How often a running statement looks at its stop signal, in instructions of SQLite's virtual machine.
const INSTRUCTIONS_BETWEEN_CHECKS: i32 = 10_000;

/// The niceness of threads that give way.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 5;

/// How a group of readers behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReaderSettings {
    /// The number of concurrent reads.
    pub connections: usize,
    /// A read fails as unavailable after this time, its wait for a connection included.
    pub time_limit: Duration,
    /// Whether these reads give way to writes: they leave a processor free, their threads get the others last (on Linux),
    /// and a read that keeps the write-ahead log from being emptied begins again.
    pub gives_way: bool,
}

impl Default for ReaderSettings {
    fn default() -> Self {
        Self { connections: 2, time_limit: Duration::from_secs(10), gives_way: false }
    }
}

type Job = Box<dyn FnOnce(&mut Reader) + Send>;

pub(super) struct Readers {
    settings: ReaderSettings,
    source: ReaderSource,
    gate: Arc<Gate>,
    permits: Arc<Semaphore>,
    /// `None` once the group is dropped.
    jobs: Option<mpsc::Sender<Job>>,
    queue: Arc<Mutex<mpsc::Receiver<Job>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Readers {
    /// A group without threads: they are started when they are needed.
    pub(super) fn new(settings: ReaderSettings, source: ReaderSource, gate: Arc<Gate>) -> Self {
        let (jobs, queue) = mpsc::channel();
        Self {
            settings,
            source,
            gate,
            permits: Arc::new(Semaphore::new(settings.connections)),
            jobs: Some(jobs),
            queue: Arc::new(Mutex::new(queue)),
            threads: Mutex::default(),
        }
    }

    /// Whether all connections are free.
    #[cfg(test)]
    pub(super) fn is_idle(&self) -> bool {
        self.permits.available_permits() == self.settings.connections
    }

    pub(super) fn source(&self) -> &ReaderSource {
        &self.source
    }

    /// Runs `work` in a read transaction; again from its start if it had to give way.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        resource: &'static str,
        work: impl Fn(&Transaction<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, PortError> {
        let deadline = Instant::now() + self.settings.time_limit;
        let permit = timeout_at(deadline.into(), Arc::clone(&self.permits).acquire_owned()).await;
        let permit = permit.map_err(|_| late(resource))?.map_err(|error| unfinished(resource).caused_by(error))?;
        let stop = Arc::new(StopSignal::default());
        let _caller = StoppedWithCaller(Arc::clone(&stop));
        let gate = self.settings.gives_way.then(|| Arc::clone(&self.gate));
        let (answer, answered) = oneshot::channel();
        self.start(Box::new(move |reader| {
            let read = reader.read(gate.as_deref(), &stop, deadline, &work);
            // The caller may be gone.
            let _ = answer.send((read, permit));
        }));
        let (read, _permit): (Result<T, Failure>, OwnedSemaphorePermit) = timeout_at(deadline.into(), answered)
            .await
            .map_err(|_| late(resource))?
            .map_err(|_| unfinished(resource))?;
        read.map_err(|failure| failure.at(resource))
    }

    /// Hands a job that has a permit to a thread.
    fn start(&self, job: Job) {
        let mut threads = lock(&self.threads);
        let busy = self.settings.connections.saturating_sub(self.permits.available_permits());
        if threads.len() < busy {
            let (source, queue, gives_way) = (self.source.clone(), Arc::clone(&self.queue), self.settings.gives_way);
            threads.push(std::thread::spawn(move || run(source, &queue, gives_way)));
        }
        drop(threads);
        if let Some(jobs) = &self.jobs {
            // The receiver lives as long as this group.
            let _ = jobs.send(job);
        }
    }
}

impl Drop for Readers {
    /// Closes the connections: the last connection of a process merges the log into the file.
    fn drop(&mut self) {
        self.jobs = None;
        for thread in lock(&self.threads).drain(..) {
            let _ = thread.join();
        }
    }
}

fn run(source: ReaderSource, queue: &Mutex<mpsc::Receiver<Job>>, gives_way: bool) {
    if gives_way {
        give_way();
    }
    let mut reader = Reader { source, connection: None };
    loop {
        let job = lock(queue).recv();
        let Ok(job) = job else { return };
        if catch_unwind(AssertUnwindSafe(|| job(&mut reader))).is_err() {
            reader.connection = None;
        }
    }
}

/// On Linux each thread has a niceness of its own.
#[cfg(target_os = "linux")]
fn give_way() {
    if let Err(error) = rustix::process::nice(NICENESS) {
        tracing::debug!(%error, "queries have the priority of writes");
    }
}

#[cfg(not(target_os = "linux"))]
fn give_way() {}

/// One thread's connection.
struct Reader {
    source: ReaderSource,
    /// `None` before the first read, and after one that failed.
    connection: Option<Connection>,
}

impl Reader {
    fn read<T>(
        &mut self,
        gate: Option<&Gate>,
        stop: &Arc<StopSignal>,
        deadline: Instant,
        work: &impl Fn(&Transaction<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        loop {
            let pass = gate.map(|gate| gate.enter(stop, deadline)).transpose()?;
            let read = self.read_once(gate.map(Gate::turns), stop, work);
            drop(pass);
            match read {
                Err(failure) if is_interrupt(&failure) && stop.take() == Some(StopRequest::BeginAgain) => {}
                read => return read,
            }
        }
    }

    fn read_once<T>(
        &mut self,
        turns: Option<&Arc<Turns>>,
        stop: &Arc<StopSignal>,
        work: &impl Fn(&Transaction<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut connection = self.connection.take().map_or_else(|| self.source.open(), Ok)?;
        let _turn = turns.map(|turns| turns.take());
        let (signal, turns, mut passes) = (Arc::clone(stop), turns.cloned(), Passes::default());
        let check = move || {
            if let Some(turns) = &turns {
                turns.pass(&mut passes, &|| signal.is_stopped());
            }
            signal.is_stopped()
        };
        connection.progress_handler(INSTRUCTIONS_BETWEEN_CHECKS, Some(check))?;
        stop.started(connection.get_interrupt_handle());
        let read = in_transaction(&mut connection, work);
        stop.ended();
        let value = read?;
        connection.progress_handler(0, None::<fn() -> bool>)?;
        // After an error the connection is closed instead.
        self.connection = Some(connection);
        Ok(value)
    }
}

fn in_transaction<T>(
    connection: &mut Connection,
    work: &impl Fn(&Transaction<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let transaction = connection.transaction()?;
    let value = work(&transaction)?;
    transaction.finish()?;
    Ok(value)
}

fn is_interrupt(failure: &Failure) -> bool {
    matches!(failure, Failure::Sqlite(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted))
}

/// Stops the read of a caller that is gone: nobody needs its result.
struct StoppedWithCaller(Arc<StopSignal>);

impl Drop for StoppedWithCaller {
    fn drop(&mut self) {
        self.0.request(StopRequest::Stop);
    }
}

fn late(resource: &'static str) -> PortError {
    PortError::new(PortErrorKind::Unavailable, resource, "the read did not finish by its deadline")
}

fn unfinished(resource: &'static str) -> PortError {
    PortError::new(PortErrorKind::Unavailable, resource, "the read did not finish")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
