//! The order in which an index keeps its documents.

use serde_json::Value;

/// The first version of OpenSearch that cannot restore an index with `index.sort` from a snapshot. It is mended
/// (<https://github.com/opensearch-project/OpenSearch/pull/20284>) in no version that could be tried yet.
const RESTORES_NO_SORTED_INDEX: (u64, u64) = (3, 2);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DocumentOrder {
    /// The order in which they were written.
    AsWritten,
    /// By their time of creation, those without one last.
    NewestFirst,
}

impl DocumentOrder {
    /// The order for new indices of a cluster, from what its root path says. An unknown version gets none.
    pub(super) fn on(about: &Value) -> Self {
        let version = about["version"]["number"].as_str().and_then(|version| {
            let mut parts = version.split('.').map(str::parse::<u64>);
            Some((parts.next()?.ok()?, parts.next()?.ok()?))
        });
        match version {
            Some(version) if version < RESTORES_NO_SORTED_INDEX => Self::NewestFirst,
            _ => Self::AsWritten,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(version: &str, expected: DocumentOrder) {
        assert_eq!(DocumentOrder::on(&json!({ "version": { "number": version } })), expected, "{version}");
    }

    #[test]
    fn only_a_version_that_can_restore_a_sorted_index_gets_one() {
        check("2.19.3", DocumentOrder::NewestFirst);
        check("3.1.0", DocumentOrder::NewestFirst);
        check("3.2.0", DocumentOrder::AsWritten);
        check("3.3.0", DocumentOrder::AsWritten);
        check("10.0.0", DocumentOrder::AsWritten);
        check("3", DocumentOrder::AsWritten);
        check("next", DocumentOrder::AsWritten);
        assert_eq!(DocumentOrder::on(&Value::Null), DocumentOrder::AsWritten);
    }
}
