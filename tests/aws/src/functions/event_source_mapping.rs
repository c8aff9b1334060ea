//! The event source mapping between a stream and a function.
//!
//! It follows Lambda's rules with `ReportBatchItemFailures` and bisection. A batch is retried from the lowest
//! sequence number in the response. After a response with an unknown number, or an error, the whole batch is
//! retried, after an error in halves. The position in the stream moves only past completed records.

use serde_json::Value;

use crate::functions::function::Function;
use crate::functions::invocation::InvocationResult;
use crate::functions::records::{batch, sequence};

/// How records are divided into batches.
pub struct Mapping<'a> {
    /// The number of records in the next batch, given the number that is left. Called again for each retry.
    pub cut: Box<dyn FnMut(usize) -> usize + Send + 'a>,
    /// The number of failures in a row after which the mapping stops.
    pub attempts: usize,
}

/// The result of a delivery.
#[derive(Debug, Default)]
pub struct DeliveryReport {
    /// The number of completed records, from the first on.
    pub done: usize,
    /// Each response with its batch.
    pub answers: Vec<(Vec<Value>, InvocationResult)>,
}

impl Mapping<'_> {
    /// Batches of up to `size` records.
    pub fn of(size: usize) -> Self {
        Self { cut: Box::new(move |_| size), attempts: 10 }
    }
}

/// Delivers records to a function in order, until all are completed or a batch has failed too often.
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

/// The number of completed records according to the response; `None` after an error, when the batch is bisected.
fn done(answer: &InvocationResult, sent: &[Value]) -> Option<usize> {
    let answer: Value = serde_json::from_str(answer.outcome.as_ref().ok()?).expect("an answer is JSON");
    let failures = answer["batchItemFailures"].as_array().cloned().unwrap_or_default();
    let place = |failure: &Value| {
        let number = failure["itemIdentifier"].as_str()?;
        sent.iter().position(|record| sequence(record) == number)
    };
    // An unknown sequence number means the whole batch.
    let lowest = failures.iter().map(|failure| place(failure).unwrap_or(0)).min();
    Some(lowest.unwrap_or(sent.len()))
}

impl DeliveryReport {
    /// The number of invocations.
    pub fn invocations(&self) -> usize {
        self.answers.len()
    }

    /// All log lines.
    pub fn lines(&self) -> impl Iterator<Item = &String> {
        self.answers.iter().flat_map(|(_, answer)| &answer.lines)
    }
}
