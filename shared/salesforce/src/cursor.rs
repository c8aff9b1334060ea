//! Where a read goes on: written by one page, read by the next, perhaps days later in another process.

use annals_domain::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, FailureKind};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Cursor {
    /// By ids: behind this one.
    AfterId(String),
    /// By stamps: behind this id among the records of this stamp.
    Ties {
        at: Timestamp,
        id: String,
    },
    /// By stamps: behind all records of this stamp.
    AfterStamp(Timestamp),
    Bulk(BulkCursor),
}

/// The results of a bulk job, page by page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BulkCursor {
    pub(crate) job: String,
    /// When the job was made: its results are no older.
    pub(crate) read_at: Timestamp,
    /// `None` before the first page.
    pub(crate) locator: Option<String>,
    /// How many rows the pages so far had.
    pub(crate) rows: u64,
}

impl Cursor {
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        serde_json::from_str(text).map_err(|_| {
            Failure::new(FailureKind::ResultExpired, "the cursor is not one of this release: the read starts again")
        })
    }

    pub(crate) fn to_text(&self) -> String {
        serde_json::to_string(self).expect("texts, numbers and times are JSON")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_as_it_was_written() {
        let at: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let job = BulkCursor { job: "750A".to_owned(), read_at: at, locator: Some("MTAw".to_owned()), rows: 7 };
        for cursor in [
            Cursor::AfterId("001A".to_owned()),
            Cursor::Ties { at, id: "001A".to_owned() },
            Cursor::AfterStamp(at),
            Cursor::Bulk(job),
        ] {
            assert_eq!(Cursor::parse(&cursor.to_text()), Ok(cursor));
        }
        assert_eq!(Cursor::parse("01g-2000").unwrap_err().kind, FailureKind::ResultExpired);
    }
}
