//! What every [`ObjectNotes`] must do.

use annals_domain::identity::{EntityName, Provider};
use annals_domain::path::Path;

use super::samples::timestamp;
use crate::ports::{AuditNote, ObjectNote, ObjectNotes, ObjectOfProvider, RequestedAudit};

/// Makes a test of each rule for stores of notes.
#[macro_export]
macro_rules! object_notes_contract {
    ($make:path) => {
        $crate::contract_tests!(
            $make,
            $crate::contract::object_notes,
            [a_note_comes_back_exactly, an_object_without_a_note_has_an_empty_one, an_outdated_note_is_not_replaced]
        );
    };
}

fn account() -> ObjectOfProvider {
    (Provider::Salesforce, EntityName::new("Account"))
}

fn full() -> ObjectNote {
    ObjectNote {
        unreadable: ["Secret__c", "BillingAddress.Country"].map(Path::new).into(),
        synced_until: Some(timestamp(1)),
        sync_started_at: Some(timestamp(2)),
        refresh_started_at: Some(timestamp(3)),
        compare_started_at: Some(timestamp(4)),
        refresh_requested_at: Some(timestamp(9)),
        audit: Some(AuditNote { ended_at: timestamp(5), compared: 100, different: 2, is_complete: true }),
        sample: Some(AuditNote { ended_at: timestamp(7), compared: 10, different: 1, is_complete: false }),
        requested_audit: Some(RequestedAudit { at: timestamp(6), sample: Some(7), not_before: Some(timestamp(8)) }),
    }
}

pub async fn a_note_comes_back_exactly(store: &impl ObjectNotes) {
    let deal = (Provider::Hubspot, EntityName::new("deals"));
    let other = ObjectNote { audit: None, ..full() };
    for (object, note) in [(account(), full()), (deal.clone(), other.clone())] {
        assert!(store.replace_note(&object, &note, &ObjectNote::default()).await.expect("the store writes"));
        assert_eq!(store.note(&object).await.expect("the store reads"), note);
    }
    let mut notes = store.notes().await.expect("the store reads");
    notes.sort_by(|(one, _), (other, _)| one.cmp(other));
    assert_eq!(notes, [(account(), full()), (deal, other)]);
}

pub async fn an_object_without_a_note_has_an_empty_one(store: &impl ObjectNotes) {
    assert_eq!(store.note(&account()).await.expect("the store reads"), ObjectNote::default());
    assert!(store.notes().await.expect("the store reads").is_empty());
    let again = store.replace_note(&account(), &ObjectNote::default(), &full()).await;
    assert!(again.expect("the store reads"), "it is empty already");
}

pub async fn an_outdated_note_is_not_replaced(store: &impl ObjectNotes) {
    let (empty, first) = (ObjectNote::default(), ObjectNote { audit: None, ..full() });
    assert!(store.replace_note(&account(), &first, &empty).await.expect("the store writes"));
    assert!(store.replace_note(&account(), &first, &empty).await.expect("the store writes"), "the same call again");
    assert!(!store.replace_note(&account(), &full(), &empty).await.expect("the store writes"));
    assert_eq!(store.note(&account()).await.expect("the store reads"), first);
    assert!(store.replace_note(&account(), &full(), &first).await.expect("the store writes"));
    assert_eq!(store.note(&account()).await.expect("the store reads"), full());
}
