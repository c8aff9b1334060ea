//! Audits that a schedule asks for. They are done in parts, each within a deadline and under a lease, and end with a note.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::auditor::Auditor;
use super::context::AuditRequest;
use super::error::AuditError;
use super::object_audit::ObjectAudit;
use super::place::AuditCheckpoint;
use crate::crm::lease_end;
use crate::log_chain;
use crate::ports::{AuditAsked, LeaseStore, ObjectNote, ObjectOfProvider, PortError, PortErrorKind, revise_note};

/// A page is not begun later than this before the deadline, nor than twice the time of the longest one.
const MARGIN: Duration = Duration::from_secs(1);
/// The differences that are logged of a page.
const MAX_LOGGED: usize = 20;

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ScheduledAuditReport {
    /// Audits that ended.
    pub finished: usize,
    /// Audits that go on in the next run.
    pub unfinished: usize,
    /// Why others stopped.
    pub stopped: Vec<String>,
    /// The records that differed in the last audit of each object; `None` if none was audited yet.
    pub differences: Option<u64>,
}

#[derive(Clone)]
pub struct ScheduledAudits {
    auditor: Auditor,
    leases: Arc<dyn LeaseStore>,
}

enum AuditEnd {
    Finished,
    Interrupted,
    /// Another process has the lease.
    Superseded,
}

impl ScheduledAudits {
    pub fn new(auditor: Auditor, leases: Arc<dyn LeaseStore>) -> Self {
        Self { auditor, leases }
    }

    /// Asks for an audit of each object that has a definition, unless it is asked for already. `sample`: as in
    /// [`AuditRequest`]. Returns the number of objects.
    pub async fn request(&self, sample: Option<u64>) -> Result<usize, PortError> {
        let asked = Some(AuditAsked { at: self.auditor.context.clock.now(), sample });
        let objects = self.auditor.objects("all");
        for object in &objects {
            let ask = |note: &mut ObjectNote| note.audit_asked = note.audit_asked.clone().or_else(|| asked.clone());
            revise_note(&*self.auditor.context.notes, object, ask).await?;
        }
        Ok(objects.len())
    }

    /// Compares what is asked for, until shortly before the deadline. An error is one of this installation's stores.
    pub async fn run(&self, deadline: Instant) -> Result<ScheduledAuditReport, PortError> {
        let mut report = ScheduledAuditReport::default();
        for (object, note) in self.auditor.context.notes.notes().await? {
            let is_readable = self.auditor.context.connections.get(object.0).is_some();
            if let Some(asked) = note.audit_asked.filter(|_| is_readable && Instant::now() + MARGIN < deadline) {
                self.run_object(&object, &asked, deadline, &mut report).await?;
            }
        }
        let notes = self.auditor.context.notes.notes().await?;
        let audits: Vec<u64> = notes.into_iter().filter_map(|(_, note)| Some(note.audit?.different)).collect();
        report.differences = (!audits.is_empty()).then(|| audits.iter().sum());
        Ok(report)
    }

    async fn run_object(
        &self,
        object: &ObjectOfProvider,
        asked: &AuditAsked,
        deadline: Instant,
        report: &mut ScheduledAuditReport,
    ) -> Result<(), PortError> {
        let (work, context) = (format!("audit {} {}", object.0, object.1), &self.auditor.context);
        let (token, now) = (context.ids.fresh(), context.clock.now());
        let until = lease_end(now, deadline);
        let Some(lease) = self.leases.acquire(&work, token, now, until).await? else { return Ok(()) };
        // A checkpoint of another release is not understood: the audit starts again.
        let checkpoint = lease.checkpoint.and_then(|text| serde_json::from_str(&text).ok());
        let keep = async |checkpoint: &AuditCheckpoint| {
            let text = serde_json::to_string(checkpoint).map_err(|error| {
                PortError::new(PortErrorKind::Rejected, work.clone(), "a checkpoint cannot be written").caused_by(error)
            })?;
            self.leases.renew(&work, token, until, Some(&text)).await
        };
        match self.compare(object, asked, checkpoint, deadline, keep).await {
            Ok(AuditEnd::Finished) => {
                report.finished += 1;
                self.leases.finish(&work, token).await.map(drop)
            }
            Ok(AuditEnd::Interrupted) => {
                report.unfinished += 1;
                self.leases.release(&work, token).await.map(drop)
            }
            Ok(AuditEnd::Superseded) => Ok(()),
            Err(AuditError::Port(error)) => {
                self.leases.release(&work, token).await?;
                Err(error)
            }
            Err(error) => {
                report.stopped.push(format!("{}: {}", object.1, log_chain(&error)));
                tracing::warn!(provider = %object.0, entity_name = %object.1, error = %log_chain(&error), "audit stopped");
                if error.may_pass() {
                    return self.leases.release(&work, token).await.map(drop);
                }
                // It would fail in every run.
                self.leases.finish(&work, token).await?;
                revise_note(&*context.notes, object, |note| note.audit_asked = None).await
            }
        }
    }

    async fn compare(
        &self,
        object: &ObjectOfProvider,
        asked: &AuditAsked,
        checkpoint: Option<AuditCheckpoint>,
        deadline: Instant,
        keep: impl AsyncFn(&AuditCheckpoint) -> Result<bool, PortError>,
    ) -> Result<AuditEnd, AuditError> {
        let request = AuditRequest { sample: asked.sample, repair: false };
        let mut audit = ObjectAudit::open(&self.auditor.context, object, request, checkpoint).await?;
        let (mut longest, mut logged) = (Duration::ZERO, 0);
        while !audit.is_done() {
            if Instant::now() + MARGIN.max(longest * 2) >= deadline {
                return Ok(AuditEnd::Interrupted);
            }
            let begun = Instant::now();
            audit.step().await?;
            longest = longest.max(begun.elapsed());
            for difference in audit.report().different.iter().skip(logged).take(MAX_LOGGED) {
                tracing::warn!(provider = %object.0, entity_name = %object.1, external_id = %difference.external_id,
                    fields = ?difference.fields, document_fields = ?difference.document_fields, "record differs");
            }
            logged = audit.report().different.len();
            if !keep(&audit.checkpoint()).await? {
                return Ok(AuditEnd::Superseded);
            }
        }
        self.auditor.note(object, &audit).await?;
        Ok(AuditEnd::Finished)
    }
}
