//! Audit: whether what is stored and shown here is what the CRM has, field by field.
//!
//! Each record is compared with the folded events and with the document that readers see. Changes that were committed
//! while the audit read are no differences: such records are counted as changing. With repair, what differs is stored as
//! a backfill would.

mod auditor;
mod report;

pub use self::auditor::{AuditError, AuditRequest, Auditor, AuditorPorts};
pub use self::report::{AuditReport, RecordDifference};
