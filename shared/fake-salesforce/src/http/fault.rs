//! Faults that a test plans: they answer, change or delay the requests that they fit.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::org::Org;

#[derive(Clone)]
pub struct Fault {
    /// A part of the method and URI of the requests that it fits, such as `/query?`.
    pub on: String,
    /// How many fitting requests pass first.
    pub after: u32,
    /// How many requests it is applied to.
    pub times: u32,
    pub answer: FaultAnswer,
}

#[derive(Clone)]
pub enum FaultAnswer {
    /// Answers with this, without doing what was requested.
    Instead { status: u16, content_type: &'static str, body: String, retry_after: Option<String> },
    /// Cuts the body of the response after so many bytes.
    Cut(usize),
    /// Answers in JSON with other contents.
    Change(Arc<dyn Fn(String) -> String + Send + Sync>),
    /// Ends the session of the request first.
    ExpireSession,
    /// Something happens in the org after the request was answered.
    Then(Arc<dyn Fn(&Org) + Send + Sync>),
    /// Answers so much later.
    Delay(Duration),
}

impl Fault {
    /// Applies to the next request whose method and URI contain `on`.
    pub fn once(on: &str, answer: FaultAnswer) -> Self {
        Self { on: on.to_owned(), after: 0, times: 1, answer }
    }

    /// Answers the next `times` requests with a JSON error.
    pub fn json(on: &str, times: u32, status: u16, body: &str) -> Self {
        let answer =
            FaultAnswer::Instead { status, content_type: "application/json", body: body.to_owned(), retry_after: None };
        Self { on: on.to_owned(), after: 0, times, answer }
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fault({}, {} times after {})", self.on, self.times, self.after)
    }
}

/// The planned faults, in order: the first that fits a request is applied.
#[derive(Debug, Default)]
pub struct Faults(Mutex<Vec<Fault>>);

impl Faults {
    pub fn plan(&self, fault: Fault) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(fault);
    }

    pub fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    pub(super) fn next(&self, request: &str) -> Option<FaultAnswer> {
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for fault in faults.iter_mut().filter(|fault| fault.times > 0 && request.contains(&fault.on)) {
            if fault.after > 0 {
                fault.after -= 1;
            } else {
                fault.times -= 1;
                return Some(fault.answer.clone());
            }
        }
        None
    }
}
