//! Writing documents in bulk calls.

mod document;
mod request;
mod response;
mod writer;

pub(crate) use self::document::VersionRule;
pub(crate) use self::request::WriteTarget;
pub use self::writer::BulkWriter;
pub(crate) use self::writer::WriteResult;
