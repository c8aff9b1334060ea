//! Audit: whether what is stored and shown here is what the CRM has, field by field.
//!
//! Each record is compared with the folded events and with the document that readers see. Changes that were committed
//! while the audit read are no differences: such records are counted as changing. With repair, what differs is stored as
//! a backfill would.

mod auditor;
mod context;
mod error;
mod object_audit;
mod place;
mod report;
mod scheduled;

pub use self::auditor::Auditor;
pub use self::context::AuditRequest;
pub use self::error::AuditError;
pub use self::report::{AuditReport, RecordDifference};
pub use self::scheduled::{ScheduledAuditReport, ScheduledAudits};
