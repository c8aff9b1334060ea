//! The port itself: which indices a document goes to, and what their answers mean for it.
//!
//! Promises that an index which is missing is made from the definition, that one which cannot be made
//! or written refuses its own documents and no others, and that a document which a rebuild's index
//! refuses is refused, so that no swap loses it.

use std::collections::HashMap;
use std::sync::Arc;

use annals_application::ports::{
    Document, EntityQuery, IndexOutcome, PortError, PortErrorKind, ReadDocument, ReadModel,
};
use annals_domain::definition::EntitySchema;
use annals_domain::identity::AggregateId;
use async_trait::async_trait;
use opensearch::http::Method;

use crate::read_model::bulk::{Fate, Landed, Route, Sent};
use crate::read_model::cluster::Cluster;
use crate::read_model::connect::OpenSearch;
use crate::read_model::failure::{Unusable, refused_whole};
use crate::read_model::fit::IndexIssue;
use crate::read_model::index::{Prepared, Taken};

/// Says which indices a schema's documents go to beside the one that serves: those that a rebuild
/// fills. Asked once a schema and call, so that whoever answers keeps what it knows for a while.
#[async_trait]
pub trait DualWriteTargets: Send + Sync {
    /// The indices by name, as [`crate::read_model::IndexAdmin::create_numbered`] gave them.
    async fn targets(&self, schema: &EntitySchema) -> Result<Vec<String>, PortError>;
}

/// The entities' indices.
#[derive(Clone)]
pub struct OpenSearchReadModel {
    search: OpenSearch,
    second: Option<Arc<dyn DualWriteTargets>>,
}

impl OpenSearchReadModel {
    /// Over that connection.
    pub fn new(search: OpenSearch) -> Self {
        Self { search, second: None }
    }

    /// Writing also into what `second` says. An index that is gone by then is passed over, since its
    /// rebuild ended; one that is there and cannot be written fails the call.
    #[must_use]
    pub fn with_dual_write(self, second: Arc<dyn DualWriteTargets>) -> Self {
        Self { second: Some(second), ..self }
    }

    /// What an operator should know about the indices of these schemas.
    pub async fn check(&self, schemas: &[EntitySchema]) -> Result<Vec<IndexIssue>, PortError> {
        self.search.check(schemas).await
    }

    /// What answers behind the indices, and how it does.
    pub async fn cluster(&self) -> Result<Cluster, PortError> {
        self.search.cluster().await
    }

    /// Whether documents may be written, found out without one.
    pub async fn try_write(&self) -> Result<(), PortError> {
        self.search.try_write().await
    }

    /// The ways of each schema in the call.
    async fn ways(&self, documents: &[Document]) -> Result<Vec<(EntitySchema, Ways)>, PortError> {
        let mut all: Vec<(EntitySchema, Ways)> = Vec::new();
        for Document { schema, .. } in documents {
            if all.iter().any(|(other, _)| other == schema) {
                continue;
            }
            let of_schema = match self.routes(schema).await {
                Ok(routes) => Ways::Open(routes),
                Err(unusable) => Ways::Closed(unusable.refusal()?),
            };
            all.push((schema.clone(), of_schema));
        }
        Ok(all)
    }

    /// The routes of a schema, its index made where it is missing.
    async fn routes(&self, schema: &EntitySchema) -> Result<Vec<Route>, Unusable> {
        if self.search.seen(schema).await?.is_none() {
            self.search.make_serving(schema, false).await?;
        }
        let mut routes = vec![Route::Serving(self.search.alias(schema))];
        if let Some(second) = &self.second {
            routes.extend(second.targets(schema).await?.into_iter().map(Route::Second));
        }
        Ok(routes)
    }

    /// What a round missed: an alias is made again, an index of a rebuild that ended is passed over.
    async fn mend(&self, missing: &[(usize, Route)], documents: &[Document]) -> Result<Mended, PortError> {
        let mut mended = Mended::default();
        let mut refused: HashMap<&Route, Option<String>> = HashMap::new();
        for (number, route) in missing {
            let reason = match refused.get(route) {
                Some(reason) => reason.clone(),
                None => self.mend_one(route, &documents[*number].schema).await?,
            };
            match (route, &reason) {
                (Route::Second(_), _) => {}
                (Route::Serving(_), None) => mended.again.push(*number),
                (Route::Serving(_), Some(reason)) => mended.refused.push((*number, reason.clone())),
            }
            refused.insert(route, reason);
        }
        Ok(mended)
    }

    /// Mends one route; the reason where what serves cannot be made again.
    async fn mend_one(&self, route: &Route, schema: &EntitySchema) -> Result<Option<String>, PortError> {
        match route {
            Route::Serving(alias) => {
                self.search.forget(alias);
                let made = self.search.make_serving(schema, true).await;
                made.err().map(Unusable::refusal).transpose()
            }
            Route::Second(index) => self.must_be_gone(index).await.map(|()| None),
        }
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

/// Where a schema's documents go.
enum Ways {
    /// On those routes.
    Open(Vec<Route>),
    /// Nowhere, for that reason.
    Closed(String),
}

impl Ways {
    fn routes(&self) -> &[Route] {
        match self {
            Self::Open(routes) => routes,
            Self::Closed(_) => &[],
        }
    }
}

/// What came of mending what a round missed, by the documents' numbers.
#[derive(Default)]
struct Mended {
    /// Those to write again.
    again: Vec<usize>,
    /// Those whose index cannot be made again, and why.
    refused: Vec<(usize, String)>,
}

/// What came of writing documents once.
pub(crate) struct Round {
    /// One a document, `None` where what it goes to was missing.
    pub(crate) outcomes: Vec<Option<IndexOutcome>>,
    /// The documents and places where there was nothing to write to.
    pub(crate) missing: Vec<(usize, Route)>,
}

/// Writes documents on their routes, once: first where a rebuild fills an index, then what was taken there
/// where it serves. Readers who saw a newer version in the old index would else not find it behind the swap,
/// where the new one put it off.
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
    let mut missing = Vec::new();
    for serves in [false, true] {
        let is_open = |number: usize| !matches!(outcomes[number], Some(IndexOutcome::Refused(_)));
        let open = prepared.iter().filter(|(number, _)| is_open(*number));
        let sent =
            open.map(|(number, document)| Sent { number: *number, document, routes: of(routes[*number], serves) });
        let sent: Vec<Sent<'_>> = sent.collect();
        for Landed { number, route, fate } in search.bulk(&sent, taken).await? {
            match fate {
                Fate::NotThere => missing.push((number, route.clone())),
                Fate::Answered(outcome) => settle(&mut outcomes[number], outcome),
            }
        }
    }
    Ok(Round { outcomes, missing })
}

/// The routes to what serves, which come first, or the others.
fn of(routes: &[Route], serves: bool) -> &[Route] {
    let (serving, filled) = routes.split_at(routes.partition_point(|route| matches!(route, Route::Serving(_))));
    if serves { serving } else { filled }
}

/// A document's last answer is what serves readers; a refusal anywhere is its refusal.
fn settle(settled: &mut Option<IndexOutcome>, outcome: IndexOutcome) {
    if !matches!(settled, Some(IndexOutcome::Refused(_))) {
        *settled = Some(outcome);
    }
}

#[async_trait]
impl ReadModel for OpenSearchReadModel {
    async fn index(&self, documents: Vec<Document>) -> Result<Vec<IndexOutcome>, PortError> {
        let all = self.ways(&documents).await?;
        let of_schema = |schema: &EntitySchema| all.iter().find(|(other, _)| other == schema).map(|(_, ways)| ways);
        let ways: Vec<Option<&Ways>> = documents.iter().map(|document| of_schema(&document.schema)).collect();
        let of_each: Vec<&[Route]> = ways.iter().map(|ways| ways.map_or(&[][..], Ways::routes)).collect();
        let Round { mut outcomes, missing } = write(&self.search, &documents, &of_each, Taken::Newer).await?;
        let Mended { again, refused } = self.mend(&missing, &documents).await?;
        for (number, reason) in refused {
            outcomes[number] = Some(IndexOutcome::Refused(reason));
        }
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
        let refused = |ways: Option<&Ways>| match ways {
            Some(Ways::Closed(reason)) => IndexOutcome::Refused(reason.clone()),
            _ => IndexOutcome::Refused("there was no answer for it".to_owned()),
        };
        Ok(outcomes.into_iter().zip(ways).map(|(outcome, ways)| outcome.unwrap_or_else(|| refused(ways))).collect())
    }

    async fn get(&self, schema: &EntitySchema, id: AggregateId) -> Result<Option<ReadDocument>, PortError> {
        self.search.get(schema, id).await
    }

    async fn search(&self, query: &EntityQuery) -> Result<Vec<ReadDocument>, PortError> {
        self.search.search(query).await
    }

    async fn count(&self, query: &EntityQuery) -> Result<u64, PortError> {
        self.search.count(query).await
    }
}
