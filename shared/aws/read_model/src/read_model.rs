//! The port itself: which indices a document goes to, and what their answers mean for it.
//!
//! Promises that an index which is missing is made from the definition, and that a document which a
//! rebuild's index refuses is refused, so that no swap loses it.

use std::sync::Arc;

use annals_application::ports::{
    Document, EntityQuery, IndexOutcome, PortError, PortErrorKind, ReadDocument, ReadModel,
};
use annals_domain::definition::Shape;
use annals_domain::identity::AggregateId;
use async_trait::async_trait;
use opensearch::http::Method;

use crate::bulk::{Fate, Landed, Route, Sent};
use crate::cluster::Cluster;
use crate::connect::OpenSearch;
use crate::failure::refused_whole;
use crate::fit::IndexFinding;
use crate::index::{Prepared, Taken};

/// Says which indices a shape's documents go to beside the one that serves: those that a rebuild
/// fills. Asked once a shape and call, so that whoever answers keeps what it knows for a while.
#[async_trait]
pub trait AlsoInto: Send + Sync {
    /// The indices by name, as [`crate::IndexAdmin::create_numbered`] gave them.
    async fn targets(&self, shape: &Shape) -> Result<Vec<String>, PortError>;
}

/// The entities' indices.
#[derive(Clone)]
pub struct OpenSearchReadModel {
    search: OpenSearch,
    second: Option<Arc<dyn AlsoInto>>,
}

impl OpenSearchReadModel {
    /// Over that connection.
    pub fn new(search: OpenSearch) -> Self {
        Self { search, second: None }
    }

    /// Writing also into what `second` says. An index that is gone by then is passed over, since its
    /// rebuild ended; one that is there and cannot be written fails the call.
    #[must_use]
    pub fn with_second(self, second: Arc<dyn AlsoInto>) -> Self {
        Self { second: Some(second), ..self }
    }

    /// What an operator should know about the indices of these shapes.
    pub async fn check(&self, shapes: &[Shape]) -> Result<Vec<IndexFinding>, PortError> {
        self.search.check(shapes).await
    }

    /// What answers behind the indices, and how it does.
    pub async fn cluster(&self) -> Result<Cluster, PortError> {
        self.search.cluster().await
    }

    /// The routes of each shape in the call, its index made where it is missing.
    async fn routes(&self, documents: &[Document]) -> Result<Vec<(Shape, Vec<Route>)>, PortError> {
        let mut routes: Vec<(Shape, Vec<Route>)> = Vec::new();
        for Document { shape, .. } in documents {
            if routes.iter().any(|(other, _)| other == shape) {
                continue;
            }
            if self.search.seen(shape).await?.is_none() {
                self.search.make_serving(shape).await?;
            }
            let mut of_shape = vec![Route::Serving(self.search.alias(shape))];
            if let Some(second) = &self.second {
                of_shape.extend(second.targets(shape).await?.into_iter().map(Route::Second));
            }
            routes.push((shape.clone(), of_shape));
        }
        Ok(routes)
    }

    /// What a round missed: an alias is made again, an index of a rebuild that ended is passed over.
    async fn mend(&self, missing: &[(usize, Route)], documents: &[Document]) -> Result<Vec<usize>, PortError> {
        let mut again = Vec::new();
        let mut mended: Vec<&Route> = Vec::new();
        for (number, route) in missing {
            if matches!(route, Route::Serving(_)) {
                again.push(*number);
            }
            if mended.contains(&route) {
                continue;
            }
            mended.push(route);
            match route {
                Route::Serving(alias) => {
                    self.search.forget(alias);
                    self.search.make_serving(&documents[*number].shape).await?;
                }
                Route::Second(index) => self.must_be_gone(index).await?,
            }
        }
        Ok(again)
    }

    async fn must_be_gone(&self, index: &str) -> Result<(), PortError> {
        let answer = self.search.call(index, Method::Head, &format!("/{index}"), &[], None).await?;
        match answer.status {
            404 => Ok(()),
            200 => {
                let message = "it has not the alias of its own by which it is written";
                Err(PortError::new(PortErrorKind::Misconfigured, index, message))
            }
            _ => Err(refused_whole(index, &answer)),
        }
    }
}

/// What came of writing documents once.
pub(crate) struct Round {
    /// One a document, `None` where what serves was missing.
    pub(crate) outcomes: Vec<Option<IndexOutcome>>,
    /// The documents and places where there was nothing to write to.
    pub(crate) missing: Vec<(usize, Route)>,
}

/// Writes documents on their routes, once.
pub(crate) async fn write(
    search: &OpenSearch,
    documents: &[Document],
    routes: &[&[Route]],
    taken: Taken,
) -> Result<Round, PortError> {
    let mut outcomes: Vec<Option<IndexOutcome>> = vec![None; documents.len()];
    let mut prepared = Vec::with_capacity(documents.len());
    for (number, document) in documents.iter().enumerate() {
        match Prepared::new(document) {
            Ok(document) => prepared.push((number, document)),
            Err(reason) => outcomes[number] = Some(IndexOutcome::Refused(reason)),
        }
    }
    let sent = prepared.iter().map(|(number, document)| Sent { number: *number, document, routes: routes[*number] });
    let sent: Vec<Sent<'_>> = sent.collect();
    let mut missing = Vec::new();
    for Landed { number, route, fate } in search.bulk(&sent, taken).await? {
        match fate {
            Fate::NotThere => missing.push((number, route.clone())),
            Fate::Answered(outcome) => settle(&mut outcomes[number], outcome),
        }
    }
    Ok(Round { outcomes, missing })
}

/// A document's first answer is what serves readers; a refusal anywhere is its refusal.
fn settle(settled: &mut Option<IndexOutcome>, outcome: IndexOutcome) {
    if settled.is_none() || matches!(outcome, IndexOutcome::Refused(_)) {
        *settled = Some(outcome);
    }
}

#[async_trait]
impl ReadModel for OpenSearchReadModel {
    async fn index(&self, documents: Vec<Document>) -> Result<Vec<IndexOutcome>, PortError> {
        let routes = self.routes(&documents).await?;
        let route_of = |document: &Document| {
            routes.iter().find(|(shape, _)| *shape == document.shape).map_or(&[][..], |(_, routes)| routes)
        };
        let of_each: Vec<&[Route]> = documents.iter().map(route_of).collect();
        let Round { mut outcomes, missing } = write(&self.search, &documents, &of_each, Taken::Newer).await?;
        let again = self.mend(&missing, &documents).await?;
        if !again.is_empty() {
            let (those, of_those): (Vec<Document>, Vec<&[Route]>) =
                again.iter().map(|number| (documents[*number].clone(), of_each[*number])).unzip();
            let round = write(&self.search, &those, &of_those, Taken::Newer).await?;
            if let Some((_, route)) = round.missing.iter().find(|(_, route)| matches!(route, Route::Serving(_))) {
                let message = "it was made, and is gone again";
                return Err(PortError::new(PortErrorKind::Unavailable, route.name(), message));
            }
            for (number, outcome) in again.into_iter().zip(round.outcomes) {
                outcomes[number] = outcome;
            }
        }
        let refused = || IndexOutcome::Refused("there was no answer for it".to_owned());
        Ok(outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(refused)).collect())
    }

    async fn get(&self, shape: &Shape, id: AggregateId) -> Result<Option<ReadDocument>, PortError> {
        self.search.get(shape, id).await
    }

    async fn search(&self, query: &EntityQuery) -> Result<Vec<ReadDocument>, PortError> {
        self.search.search(query).await
    }

    async fn count(&self, query: &EntityQuery) -> Result<u64, PortError> {
        self.search.count(query).await
    }
}
