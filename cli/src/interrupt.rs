//! Ctrl-C and SIGTERM.
//!
//! Promises that the first one only says so, and the work under way ends where it is whole; the
//! second one ends the process at once.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::exit::{Failure, at_once};

/// Whether someone asked to stop.
#[derive(Debug, Clone)]
pub(crate) struct Interrupt {
    asked: watch::Receiver<bool>,
}

impl Interrupt {
    /// Watches for it from now on.
    pub(crate) fn watch() -> Result<Self, Failure> {
        let refused = |error: io::Error| Failure::new(format!("signals cannot be watched: {error}"));
        let interrupts = signal(SignalKind::interrupt()).map_err(refused)?;
        let terminations = signal(SignalKind::terminate()).map_err(refused)?;
        let (tell, asked) = watch::channel(false);
        tokio::spawn(listen(interrupts, terminations, tell));
        Ok(Self { asked })
    }

    /// Whether it was asked for.
    pub(crate) fn is_asked(&self) -> bool {
        *self.asked.borrow()
    }

    /// Waits until it is asked for.
    pub(crate) async fn asked(&mut self) {
        if self.asked.wait_for(|asked| *asked).await.is_err() {
            // The listener lives as long as the process; without it nobody can ask any more.
            std::future::pending::<()>().await;
        }
    }
}

async fn listen(mut interrupts: Signal, mut terminations: Signal, tell: watch::Sender<bool>) {
    loop {
        tokio::select! {
            _ = interrupts.recv() => {}
            _ = terminations.recv() => {}
        }
        if tell.send_replace(true) {
            at_once();
        }
    }
}
