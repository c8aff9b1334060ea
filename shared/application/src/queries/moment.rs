//! A moment in an entity's past: which of its events count.
//!
//! There are two clocks: the CRM's, by which a change was committed, and ours, by which it was stored.

use annals_domain::event::DomainEvent;
use annals_domain::position::Version;
use annals_domain::timestamp::Timestamp;

use super::filter::InvalidParameter;

/// A timestamp in RFC 3339, or a day in UTC, which stands for its last millisecond.
pub fn timestamp_or_day_end(text: &str) -> Option<Timestamp> {
    // `YYYY-MM-DD` has ten characters, and every timestamp has more.
    if text.len() == "2024-04-09".len() { format!("{text}T23:59:59.999Z").parse().ok() } else { text.parse().ok() }
}

/// The moment of a request. Without any of its parameters it is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MomentRequest {
    /// Only events that the CRM committed at this time or earlier, whenever they arrived.
    pub as_of: Option<Timestamp>,
    /// Only events that were stored at this time or earlier, whenever they were committed.
    pub known_at: Option<Timestamp>,
    /// Only events up to this version. It cannot be combined with the others.
    pub version: Option<u64>,
}

/// How many of a stream's events count, in the order in which they were stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Known {
    #[default]
    All,
    /// Those stored at this time or earlier.
    At(Timestamp),
    /// Those up to this version.
    Version(Version),
}

/// Which events of a stream count: those that both parts include.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Moment {
    /// Those that the CRM committed at this time or earlier.
    pub(super) as_of: Option<Timestamp>,
    pub(super) known: Known,
}

impl MomentRequest {
    /// Checks the parameters. An invalid one is reported in `invalid` and left out.
    pub(super) fn checked(&self, invalid: &mut Vec<InvalidParameter>) -> Moment {
        let Self { as_of, known_at, version } = *self;
        if version == Some(0) {
            invalid.push(InvalidParameter::new("version", "invalid value `0`: expected a number from 1"));
        }
        if version.is_some() && (as_of.is_some() || known_at.is_some()) {
            let message = "a version is a moment by itself: expected it without `as_of` and `known_at`";
            invalid.push(InvalidParameter::new("version", message));
        }
        let known = match (known_at, version) {
            (Some(known_at), _) => Known::At(known_at),
            (None, Some(version)) => Known::Version(Version::new(version.max(1))),
            (None, None) => Known::All,
        };
        Moment { as_of, known }
    }
}

impl Moment {
    /// Whether the event was stored after the moment, and so were all events after it.
    pub(super) fn is_before_storing(&self, event: &DomainEvent) -> bool {
        match self.known {
            Known::All => false,
            Known::At(known_at) => event.recorded_at > known_at,
            Known::Version(version) => event.version > version,
        }
    }

    /// Whether the CRM committed the event by then.
    pub(super) fn has_committed(&self, event: &DomainEvent) -> bool {
        self.as_of.is_none_or(|as_of| event.timestamp() <= as_of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Option<Timestamp> {
        Timestamp::from_millis(millis).ok()
    }

    #[track_caller]
    fn check(request: MomentRequest, expected: Result<Moment, &[&str]>) {
        let mut invalid = Vec::new();
        let moment = request.checked(&mut invalid);
        let lines: Vec<String> = invalid.iter().map(ToString::to_string).collect();
        match expected {
            Ok(expected) => assert_eq!((moment, lines), (expected, Vec::new())),
            Err(expected) => assert_eq!(lines, expected),
        }
    }

    #[test]
    fn both_clocks_may_be_combined() {
        let known = Known::At(at(2).unwrap());
        let request = MomentRequest { as_of: at(1), known_at: at(2), version: None };
        check(request, Ok(Moment { as_of: at(1), known }));
        check(MomentRequest::default(), Ok(Moment::default()));
    }

    #[test]
    fn a_version_stands_alone_and_counts_from_one() {
        let version = |version| MomentRequest { version: Some(version), ..MomentRequest::default() };
        check(version(3), Ok(Moment { as_of: None, known: Known::Version(Version::new(3)) }));
        check(version(0), Err(&["version: invalid value `0`: expected a number from 1"]));
        let alone = "version: a version is a moment by itself: expected it without `as_of` and `known_at`";
        check(MomentRequest { as_of: at(1), ..version(3) }, Err(&[alone]));
        check(MomentRequest { known_at: at(1), ..version(3) }, Err(&[alone]));
    }
}
