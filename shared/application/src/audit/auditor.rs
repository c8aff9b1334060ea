//! Compares the records of an object.

use std::sync::Arc;

use super::context::{AuditContext, AuditRequest};
use super::error::AuditError;
use super::object_audit::ObjectAudit;
use super::report::AuditReport;
use crate::crm::CrmConnections;
use crate::ports::{ObjectNote, ObjectOfProvider, PortError, ReadModel, revise_note};
use crate::sync::CrmSyncPorts;

/// Audits objects of connected CRMs.
#[derive(Clone)]
pub struct Auditor {
    pub(super) context: AuditContext,
}

impl Auditor {
    /// Of an installation that reads by these ports, and what its readers see.
    pub fn new(ports: &CrmSyncPorts, read_model: Arc<dyn ReadModel>, connections: CrmConnections) -> Self {
        Self { context: AuditContext::new(ports, read_model, connections) }
    }

    /// The objects of a type at the connected CRMs, by its plural, its singular or an object; of all types for `all`.
    pub fn objects(&self, name: &str) -> Vec<ObjectOfProvider> {
        let catalog = &self.context.catalog;
        let mut objects = match name {
            "all" => catalog.definitions().iter().flat_map(|definition| definition.objects.clone()).collect(),
            name => catalog.objects_named(name),
        };
        objects.retain(|(provider, _)| self.context.connections.get(*provider).is_some());
        objects
    }

    /// Compares an object's records, and notes the result.
    pub async fn audit(
        &self,
        object: &ObjectOfProvider,
        request: AuditRequest,
        progress: &mut (dyn FnMut(&AuditReport) + Send),
    ) -> Result<AuditReport, AuditError> {
        let mut audit = ObjectAudit::open(&self.context, object, request, None).await?;
        while !audit.is_done() {
            audit.step().await?;
            progress(audit.report());
        }
        self.note(object, &audit).await?;
        Ok(audit.into_report())
    }

    /// Notes the result of an audit that ended. A request that it answers is done.
    pub(super) async fn note(&self, object: &ObjectOfProvider, audit: &ObjectAudit<'_>) -> Result<(), PortError> {
        let result = audit.note(self.context.clock.now());
        let ended = |note: &mut ObjectNote| {
            note.note_audit(result.clone());
            note.requested_audit = note.requested_audit.take().filter(|request| !audit.answers(request));
        };
        revise_note(&*self.context.notes, object, ended).await
    }
}
