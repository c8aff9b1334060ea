//! Ctrl-C and SIGTERM.
//!
//! The first signal asks the command to stop at the next safe point. The second ends the process immediately.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::exit::{Failure, immediately};

#[derive(Debug, Clone)]
pub(crate) struct Interrupt {
    requested: watch::Receiver<bool>,
}

impl Interrupt {
    pub(crate) fn watch() -> Result<Self, Failure> {
        let failure = |error: io::Error| Failure::new(format!("cannot listen for signals: {error}"));
        let interrupts = signal(SignalKind::interrupt()).map_err(failure)?;
        let terminations = signal(SignalKind::terminate()).map_err(failure)?;
        let (sender, requested) = watch::channel(false);
        tokio::spawn(listen(interrupts, terminations, sender));
        Ok(Self { requested })
    }

    pub(crate) fn is_requested(&self) -> bool {
        *self.requested.borrow()
    }

    pub(crate) async fn requested(&mut self) {
        if self.requested.wait_for(|requested| *requested).await.is_err() {
            // The listener lives as long as the process; without it no stop can be requested any more.
            std::future::pending::<()>().await;
        }
    }
}

async fn listen(mut interrupts: Signal, mut terminations: Signal, sender: watch::Sender<bool>) {
    loop {
        tokio::select! {
            _ = interrupts.recv() => {}
            _ = terminations.recv() => {}
        }
        if sender.send_replace(true) {
            immediately();
        }
    }
}
