//! Writes documents in bulk calls.
//!
//! A call has at most 5 MB; a larger document goes alone. Each document gets a result for each of its indices. One
//! item that cannot be written now fails the whole write. It may then be repeated as a whole: versions are
//! external, so that a document never goes back to an older one. The writer itself repeats nothing.

use annals_application::ports::{Document, IndexOutcome, PortError, PortErrorKind};
use bytes::BytesMut;
use opensearch::http::Method;
use serde_json::{Value, json};

use crate::read_model::bulk::document::{BulkDocument, VersionRule};
use crate::read_model::bulk::request::{BulkItem, BulkRequest, WriteTarget};
use crate::read_model::bulk::response::{BulkItemResult, BulkResponse};
use crate::read_model::index::IndexCatalog;
use crate::read_model::settings::Refresh;
use crate::read_model::transport::{CLUSTER, Response, Transport};

/// The most bytes of a call. Domains on small instances accept 10 MB.
const CALL_BYTES: usize = 5 * 1024 * 1024;
/// The usual size of a document, so that the buffer of a call seldom grows.
const DOCUMENT_BYTES: usize = 4 * 1024;
/// How long an item may wait for its shard: less than the time limit of a call, so that there is a response.
const SHARD_TIMEOUT: &str = "10s";
const MISSING_ALIAS: &str = "annals-doctor";

/// Writes documents. Clones share the connection.
#[derive(Debug, Clone)]
pub struct BulkWriter {
    transport: Transport,
    indices: IndexCatalog,
    refresh: Refresh,
}

/// What became of documents after one attempt to write them.
pub(crate) struct WriteResult {
    /// One outcome for each document; `None` where an index did not exist.
    pub(crate) outcomes: Vec<Option<IndexOutcome>>,
    /// The documents, by their number, and the indices that did not exist.
    pub(crate) missing: Vec<(usize, WriteTarget)>,
}

impl WriteResult {
    /// Records an outcome. The last one is that of the serving index. A refusal by any index stays: a swap to that
    /// index would otherwise lose the document.
    fn record(&mut self, number: usize, outcome: IndexOutcome) {
        let recorded = &mut self.outcomes[number];
        if !matches!(recorded, Some(IndexOutcome::Refused(_))) {
            *recorded = Some(outcome);
        }
    }

    fn is_refused(&self, number: usize) -> bool {
        matches!(self.outcomes[number], Some(IndexOutcome::Refused(_)))
    }
}

/// A document, by its number, and the indices that it goes to.
struct RoutedDocument<'a> {
    number: usize,
    document: &'a BulkDocument<'a>,
    targets: &'a [WriteTarget],
}

impl BulkWriter {
    pub(crate) fn new(transport: Transport, indices: IndexCatalog, refresh: Refresh) -> Self {
        Self { transport, indices, refresh }
    }

    /// Writes documents into one index, whether it serves readers or not. The same version is written again, an
    /// older one is not.
    pub async fn write_into(&self, index: &str, documents: &[Document]) -> Result<Vec<IndexOutcome>, PortError> {
        let targets = [WriteTarget::Filling(index.to_owned())];
        let targets = vec![&targets[..]; documents.len()];
        let WriteResult { outcomes, missing } = self.write(documents, &targets, VersionRule::SameOrNewer).await?;
        if missing.is_empty() {
            return Ok(outcomes.into_iter().flatten().collect());
        }
        Err(PortError::new(PortErrorKind::Misconfigured, index, "the index does not exist"))
    }

    /// Writes each document to its targets, of which the serving index comes first in the list and is written last.
    /// A document that an index under rebuild puts off therefore does not show yet: readers would find it, and
    /// after the swap not any more.
    pub(crate) async fn write(
        &self,
        documents: &[Document],
        targets: &[&[WriteTarget]],
        rule: VersionRule,
    ) -> Result<WriteResult, PortError> {
        let mut result = WriteResult { outcomes: vec![None; documents.len()], missing: Vec::new() };
        let mut prepared = Vec::with_capacity(documents.len());
        for (number, document) in documents.iter().enumerate() {
            match BulkDocument::new(document) {
                Ok(document) => prepared.push((number, document)),
                Err(reason) => result.outcomes[number] = Some(IndexOutcome::Refused(reason)),
            }
        }
        for is_serving in [false, true] {
            let open = prepared.iter().filter(|(number, _)| !result.is_refused(*number));
            let routed = open.map(|(number, document)| {
                let targets = targets_of(targets[*number], is_serving);
                RoutedDocument { number: *number, document, targets }
            });
            let routed: Vec<RoutedDocument<'_>> = routed.collect();
            for (BulkItem { number, target, .. }, item) in self.send_all(&routed, rule).await? {
                match item {
                    BulkItemResult::IndexMissing => result.missing.push((number, target.clone())),
                    BulkItemResult::Outcome(outcome) => result.record(number, outcome),
                }
            }
        }
        Ok(result)
    }

    /// Sends documents in as few calls as their bytes allow. One result for each document and target, in order.
    async fn send_all<'a>(
        &self,
        documents: &[RoutedDocument<'a>],
        rule: VersionRule,
    ) -> Result<Vec<(BulkItem<'a>, BulkItemResult)>, PortError> {
        let mut results = Vec::with_capacity(documents.len());
        let mut buffer = BytesMut::with_capacity((documents.len() * DOCUMENT_BYTES).min(CALL_BYTES));
        let mut items: Vec<BulkItem<'a>> = Vec::new();
        for RoutedDocument { number, document, targets } in documents {
            for target in *targets {
                let start = buffer.len();
                document.write(&mut buffer, &target.alias(), rule).map_err(|error| not_json(target, error))?;
                if buffer.len() > CALL_BYTES && !items.is_empty() {
                    let body = buffer.split_to(start).freeze();
                    self.send(BulkRequest { body, items: std::mem::take(&mut items) }, &mut results).await?;
                }
                items.push(BulkItem { number: *number, target, end: buffer.len() });
            }
        }
        if !items.is_empty() {
            self.send(BulkRequest { body: buffer.freeze(), items }, &mut results).await?;
        }
        Ok(results)
    }

    /// Sends one call. A call that is too large for OpenSearch is sent in halves, down to single documents.
    async fn send<'a>(
        &self,
        request: BulkRequest<'a>,
        results: &mut Vec<(BulkItem<'a>, BulkItemResult)>,
    ) -> Result<(), PortError> {
        let mut query =
            vec![("require_alias", "true"), ("timeout", SHARD_TIMEOUT), ("filter_path", BulkResponse::FILTER_PATH)];
        if self.refresh == Refresh::BeforeResponse {
            query.push(("refresh", "true"));
        }
        let mut requests = vec![request];
        while let Some(request) = requests.pop() {
            let resource = request.resource();
            let sent = self.transport.send(&resource, Method::Post, "/_bulk", &query, Some(request.body.clone()));
            let response = sent.await?;
            match (response.status, &request.items[..]) {
                (413, [only]) => {
                    let reason = format!("{}: OpenSearch refuses a document of {} bytes", only.target.name(), only.end);
                    results.push((*only, BulkItemResult::Outcome(IndexOutcome::Refused(reason))));
                }
                (413, _) => requests.extend(request.halves().into_iter().rev()),
                _ => self.read_results(&resource, &response, &request.items, results)?,
            }
        }
        Ok(())
    }

    fn read_results<'a>(
        &self,
        resource: &str,
        response: &Response,
        items: &[BulkItem<'a>],
        results: &mut Vec<(BulkItem<'a>, BulkItemResult)>,
    ) -> Result<(), PortError> {
        let response: BulkResponse<'_> = response.json(resource)?;
        for (item, status) in items.iter().zip(response.into_items(resource, items.len())?) {
            if let (WriteTarget::Serving(alias), Some(index)) = (item.target, status.written_index()) {
                self.indices.forget_unless(alias, index);
            }
            results.push((*item, status.result(item.target)?));
        }
        Ok(())
    }

    /// Checks that this caller has the right to write documents, by a write to an alias that never exists.
    pub async fn check_access(&self) -> Result<(), PortError> {
        let alias = format!("{}{MISSING_ALIAS}", self.indices.prefix());
        let lines = format!("{}\n{{}}\n", json!({ "index": { "_index": alias, "_id": "nobody" } }));
        let query = [("require_alias", "true")];
        let response = self.transport.send(CLUSTER, Method::Post, "/_bulk", &query, Some(lines.into())).await?;
        response.json::<Value>(CLUSTER).map(drop)
    }
}

/// The serving target, which comes first, or all others.
fn targets_of(targets: &[WriteTarget], is_serving: bool) -> &[WriteTarget] {
    let (serving, filling) =
        targets.split_at(targets.partition_point(|target| matches!(target, WriteTarget::Serving(_))));
    if is_serving { serving } else { filling }
}

fn not_json(target: &WriteTarget, error: serde_json::Error) -> PortError {
    let message = "the document cannot be serialised as JSON";
    PortError::new(PortErrorKind::Rejected, target.name(), message).caused_by(error)
}
