//! What stands between a stream and a function: an event source mapping.
//!
//! Promises Lambda's rules with `ReportBatchItemFailures` and bisection: a batch comes again from the
//! lowest number that its answer names; an answer that names an unknown one, or an error, brings all
//! of it again, an error in halves; its place moves on by nothing else.

use serde_json::Value;

use crate::functions::function::Function;
use crate::functions::invocation::InvocationResult;
use crate::functions::records::{batch, sequence};

/// How records are cut into batches.
pub struct Mapping<'a> {
    /// How many records the next batch has, of so many that are left; asked again for each retry.
    pub cut: Box<dyn FnMut(usize) -> usize + Send + 'a>,
    /// How many times in a row a batch may fail before the mapping stops where it stands.
    pub attempts: usize,
}

/// What became of records.
#[derive(Debug, Default)]
pub struct DeliveryReport {
    /// How many of them are done, from the first on.
    pub done: usize,
    /// Each answer, with the batch that it is about.
    pub answers: Vec<(Vec<Value>, InvocationResult)>,
}

impl Mapping<'_> {
    /// Batches of up to so many records.
    pub fn of(size: usize) -> Self {
        Self { cut: Box::new(move |_| size), attempts: 10 }
    }
}

/// Hands records to a function, in their order, until all are done or a batch failed too often.
pub async fn deliver(records: &[Value], function: &Function, mut mapping: Mapping<'_>) -> DeliveryReport {
    let mut delivered = DeliveryReport::default();
    let (mut failures, mut at_most) = (0, usize::MAX);
    while delivered.done < records.len() && failures < mapping.attempts {
        let left = &records[delivered.done..];
        let size = (mapping.cut)(left.len()).min(at_most).clamp(1, left.len());
        let sent = &left[..size];
        let answer = function.invoke_with(&batch(sent)).await;
        match done(&answer, sent) {
            Some(all) if all == size => {
                delivered.done += all;
                (failures, at_most) = (0, usize::MAX);
            }
            Some(some) => {
                delivered.done += some;
                failures = if some == 0 { failures + 1 } else { 1 };
            }
            None => {
                failures += 1;
                at_most = (size / 2).max(1);
            }
        }
        delivered.answers.push((sent.to_vec(), answer));
    }
    delivered
}

/// How many of a batch are done by its answer; none of it, and it is to be halved, after an error.
fn done(answer: &InvocationResult, sent: &[Value]) -> Option<usize> {
    let answer: Value = serde_json::from_str(answer.outcome.as_ref().ok()?).expect("an answer is JSON");
    let failures = answer["batchItemFailures"].as_array().cloned().unwrap_or_default();
    let place = |failure: &Value| {
        let number = failure["itemIdentifier"].as_str()?;
        sent.iter().position(|record| sequence(record) == number)
    };
    // What names nothing of the batch stands for all of it.
    let lowest = failures.iter().map(|failure| place(failure).unwrap_or(0)).min();
    Some(lowest.unwrap_or(sent.len()))
}

impl DeliveryReport {
    /// How many invocations there were.
    pub fn invocations(&self) -> usize {
        self.answers.len()
    }

    /// All that was logged.
    pub fn lines(&self) -> impl Iterator<Item = &String> {
        self.answers.iter().flat_map(|(_, answer)| &answer.lines)
    }
}
