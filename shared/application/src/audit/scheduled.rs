//! Audits that a schedule asks for. They are done in parts, each within a deadline and under a lease, and end with a note.

use std::sync::Arc;

use annals_domain::timestamp::Timestamp;
use serde::Serialize;
use tokio::time::Instant;

use super::auditor::Auditor;
use super::context::AuditRequest;
use super::error::AuditError;
use super::object_audit::ObjectAudit;
use super::place::RequestCheckpoint;
use super::report::RecordDifference;
use crate::commands::CommandError;
use crate::crm::{HeldLease, StepPace, caught};
use crate::log_chain;
use crate::ports::{LeaseStore, ObjectNote, ObjectOfProvider, PortError, RequestedAudit, revise_note};

/// The differences that are logged of a page; the others are counted.
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

/// An audit that this process does, with its lease.
struct HeldAudit<'a> {
    object: &'a ObjectOfProvider,
    lease: HeldLease,
    request: RequestedAudit,
    checkpoint: RequestCheckpoint,
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

    /// Requests an audit of each object that has a definition, unless one is requested already. `sample`: as in
    /// [`AuditRequest`]. Returns the number of objects.
    pub async fn request(&self, sample: Option<u64>) -> Result<usize, PortError> {
        let requested = RequestedAudit { at: self.auditor.context.clock.now(), sample, not_before: None };
        let objects = self.auditor.objects("all");
        for object in &objects {
            let request = |note: &mut ObjectNote| {
                note.requested_audit.get_or_insert_with(|| requested.clone());
            };
            revise_note(&*self.auditor.context.notes, object, request).await?;
        }
        Ok(objects.len())
    }

    /// Compares what is requested and due, until shortly before the deadline. An error is one of this installation's
    /// stores.
    pub async fn run(&self, deadline: Instant) -> Result<ScheduledAuditReport, PortError> {
        let (mut report, context) = (ScheduledAuditReport::default(), &self.auditor.context);
        for (object, note) in context.notes.notes().await? {
            let is_readable = context.connections.get(object.0).is_some();
            let is_due = note.requested_audit.is_some_and(|request| request.is_due(context.clock.now()));
            if is_readable && is_due && StepPace::until(deadline).has_time() {
                self.run_object(&object, deadline, &mut report).await?;
            }
        }
        let notes = context.notes.notes().await?;
        let audits: Vec<u64> = notes.into_iter().filter_map(|(_, note)| note.differences()).collect();
        report.differences = (!audits.is_empty()).then(|| audits.iter().sum());
        Ok(report)
    }

    async fn run_object(
        &self,
        object: &ObjectOfProvider,
        deadline: Instant,
        report: &mut ScheduledAuditReport,
    ) -> Result<(), PortError> {
        let Some(mut held) = self.hold(object, deadline).await? else { return Ok(()) };
        match caught(Box::pin(self.compare(&mut held, deadline)), AuditError::Panicked).await {
            Ok(AuditEnd::Finished) => {
                report.finished += 1;
                held.lease.finish().await
            }
            Ok(AuditEnd::Interrupted) => {
                report.unfinished += 1;
                held.lease.release().await
            }
            Ok(AuditEnd::Superseded) => Ok(()),
            Err(error) => self.stop(held, error, report).await,
        }
    }

    /// Takes the lease of an object's audit; `None` if another process has it, or nothing is due any more.
    async fn hold<'a>(
        &self,
        object: &'a ObjectOfProvider,
        deadline: Instant,
    ) -> Result<Option<HeldAudit<'a>>, PortError> {
        let (work, context) = (format!("audit {} {}", object.0, object.1), &self.auditor.context);
        let (token, now) = (context.ids.fresh(), context.clock.now());
        let acquired = HeldLease::acquire::<RequestCheckpoint>(&self.leases, work, token, now, deadline).await?;
        let Some((lease, stored)) = acquired else { return Ok(None) };
        // Meanwhile another process may have finished it, or found that the CRM cannot be read.
        let request = context.notes.note(object).await?.requested_audit.filter(|request| request.is_due(now));
        let Some(request) = request else {
            lease.release().await?;
            return Ok(None);
        };
        let checkpoint = stored.filter(|stored| stored.requested_at == request.at).unwrap_or(RequestCheckpoint {
            requested_at: request.at,
            done: None,
            failures: 0,
        });
        Ok(Some(HeldAudit { object, lease, request, checkpoint }))
    }

    async fn compare(&self, held: &mut HeldAudit<'_>, deadline: Instant) -> Result<AuditEnd, AuditError> {
        let request = AuditRequest { sample: held.request.sample, repair: false };
        let done = held.checkpoint.done.clone();
        let mut audit = ObjectAudit::open(&self.auditor.context, held.object, request, done).await?;
        let (mut pace, mut logged) = (StepPace::until(deadline), 0);
        while !audit.is_done() {
            if !pace.has_time() {
                return Ok(AuditEnd::Interrupted);
            }
            pace.step(audit.step()).await?;
            log_differences(held.object, &audit.report().different[logged..]);
            logged = audit.report().different.len();
            (held.checkpoint.done, held.checkpoint.failures) = (Some(audit.checkpoint()), 0);
            if !held.lease.keep(&held.checkpoint).await? {
                return Ok(AuditEnd::Superseded);
            }
        }
        self.auditor.note(held.object, &audit).await?;
        Ok(AuditEnd::Finished)
    }

    /// Reports why an audit stopped, and lets it wait. A failure of this installation's own stores is passed on.
    async fn stop(
        &self,
        mut held: HeldAudit<'_>,
        error: AuditError,
        report: &mut ScheduledAuditReport,
    ) -> Result<(), PortError> {
        if let AuditError::Port(error) | AuditError::Command(CommandError::Port(error)) = error {
            held.lease.release().await?;
            return Err(error);
        }
        let (provider, name) = held.object;
        let reason = log_chain(&error);
        tracing::warn!(%provider, entity_name = %name, error = reason, "audit stopped");
        report.stopped.push(format!("{name}: {reason}"));
        held.checkpoint.failures = held.checkpoint.failures.saturating_add(1);
        match error.retry_at(held.checkpoint.failures, self.auditor.context.clock.now()) {
            Some(at) => {
                held.lease.keep(&held.checkpoint).await?;
                held.lease.release().await?;
                self.postpone(held.object, error.concerns_all_objects(), at).await
            }
            // It would fail in every run.
            None => {
                held.lease.finish().await?;
                revise_note(&*self.auditor.context.notes, held.object, |note| note.requested_audit = None).await
            }
        }
    }

    /// Lets the audit of an object wait, or those of all objects of its CRM.
    async fn postpone(&self, object: &ObjectOfProvider, is_of_all: bool, until: Timestamp) -> Result<(), PortError> {
        let notes = &*self.auditor.context.notes;
        for (other, _) in notes.notes().await? {
            if &other == object || (is_of_all && other.0 == object.0) {
                let wait = |note: &mut ObjectNote| {
                    if let Some(request) = &mut note.requested_audit {
                        request.not_before = Some(until);
                    }
                };
                revise_note(notes, &other, wait).await?;
            }
        }
        Ok(())
    }
}

fn log_differences((provider, name): &ObjectOfProvider, differences: &[RecordDifference]) {
    for difference in differences.iter().take(MAX_LOGGED) {
        tracing::warn!(%provider, entity_name = %name, external_id = %difference.external_id,
            fields = ?difference.fields, document_fields = ?difference.document_fields, "record differs");
    }
    let left_out = differences.len().saturating_sub(MAX_LOGGED);
    if left_out > 0 {
        tracing::warn!(%provider, entity_name = %name, left_out, "more records differ; `annals audit --json` names each");
    }
}
