//! Reading records from a CRM and storing them as record images, through the path of every other change.
//!
//! What is stored never overwrites a newer change; what events lost is healed field by field; and a record that is as
//! it is known here costs no event. Refetch, backfill, sync and audit are built on this.

mod caught;
mod comparison;
mod connection;
mod damage;
mod held_lease;
mod image_comparison;
mod image_result;
mod image_store;
mod missing_records;
mod read_records;
mod selection;
mod step_pace;
mod stored_records;
mod timing;

pub(crate) use self::caught::caught;
pub use self::comparison::{Differences, differences};
pub use self::connection::{CrmConnection, CrmConnections, QuotaRefusal, QuotaState};
pub(crate) use self::held_lease::HeldLease;
pub use self::image_result::{ImageEffect, ImageResult};
pub use self::image_store::ImageStore;
pub(crate) use self::missing_records::MissingRecords;
pub use self::read_records::{ReadRecord, ReadRecords};
pub use self::selection::Selection;
pub(crate) use self::step_pace::StepPace;
pub use self::stored_records::{RecordHead, RecordState};
pub(crate) use self::timing::{OVERLAP_MS, READ_AGAIN_MS, SETTLED_AFTER_MS, crm_retry_at, quota_retry_at, retry_at};
