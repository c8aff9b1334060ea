//! The ordering rules: what arrives, what the aggregate holds, and what follows.

use annals_domain::change::RefetchReason::{AliveAfterDeletion, Gap, MissingBase, NotCarried, RestoredInPart};
use annals_domain::testing::{created, deleted, gap, given, image, restored_in_part, restored_whole, updated};

#[test]
fn a_creation_or_an_image_is_the_base() {
    let _ = given([]).when(created(1).with("Name", "Acme")).then_shows(true).then_warned(&[]).then_asks(&[]);
    let _ = given([]).when(image(1).with("Name", "Acme")).then_shows(true).then_warned(&[]).then_asks(&[]);
}

#[test]
fn a_second_creation_is_stored_with_a_warning_and_folds_by_position() {
    let _ = given([created(5).with("Name", "new")])
        .when(created(2).with("Name", "old").with("Description", "first"))
        .then_warned(&["created twice"])
        .then_field("name", "new")
        .then_field("description", "first");
}

#[test]
fn a_creation_that_arrives_after_its_image_is_older_than_it() {
    let _ = given([image(5).with("Name", "new")])
        .when(created(2).with("Name", "old"))
        .then_warned(&["older than its image"])
        .then_field("name", "new");
}

#[test]
fn changes_before_their_base_are_stored_and_not_visible() {
    let waits = given([]).when(updated(2).with("Name", "B")).then_shows(false);
    let _ = waits
        .then_warned(&["Updated before its creation"])
        .then_asks(&[MissingBase])
        .when(created(1).with("Name", "A").with("Description", "d"))
        .then_shows(true)
        .then_field("name", "B")
        .then_field("description", "d");
    let _ = given([]).when(deleted(2)).then_shows(false).then_asks(&[MissingBase]).when(created(1)).then_deleted(true);
}

#[test]
fn a_restoration_with_all_fields_is_a_base_and_one_without_is_not() {
    let _ = given([]).when(restored_whole(3).with("Name", "A")).then_shows(true).then_asks(&[]);
    let _ = given([])
        .when(restored_in_part(3).with("Name", "A"))
        .then_shows(false)
        .then_asks(&[MissingBase, RestoredInPart]);
    let _ = given([created(1), deleted(2)]).when(restored_in_part(3)).then_deleted(false).then_asks(&[RestoredInPart]);
}

#[test]
fn a_late_change_is_applied_without_a_warning() {
    let _ = given([created(1), updated(9).with("Name", "new")])
        .when(updated(5).with("Name", "old").with("Description", "kept"))
        .then_warned(&[])
        .then_field("name", "new")
        .then_field("description", "kept");
}

#[test]
fn a_gap_requires_a_refetch_and_changes_no_field() {
    let _ = given([created(1).with("Name", "A")]).when(gap(2)).then_asks(&[Gap]).then_field("name", "A");
}

#[test]
fn an_update_newer_than_the_deletion_proves_that_the_record_exists() {
    let _ = given([created(1), deleted(2)])
        .when(updated(3).with("Name", "A"))
        .then_deleted(false)
        .then_asks(&[AliveAfterDeletion])
        .then_warned(&["updated after its deletion"]);
    let _ = given([created(1), deleted(5)]).when(updated(3)).then_deleted(true).then_asks(&[]).then_warned(&[]);
}

#[test]
fn a_field_listed_without_a_value_is_unknown_until_an_event_states_it() {
    let _ = given([created(1).with("Name", "A")])
        .when(updated(2).naming("Name"))
        .then_unknown(&["name"])
        .then_asks(&[NotCarried])
        .when(image(3).with("Name", "B"))
        .then_unknown(&[])
        .then_asks(&[])
        .then_field("name", "B");
}

#[test]
fn an_image_proves_values_up_to_its_timestamp_only() {
    let _ = given([created(1), updated(7).with("Name", "newer")])
        .when(image(5).with("Name", "image").with("Description", "image"))
        .then_field("name", "newer")
        .then_field("description", "image");
}

#[test]
fn business_rules_warn() {
    let _ = given([])
        .when(created(1).with("Account_Status__c", "Sleeping").with("ParentId", "001A"))
        .then_warned(&["unexpected status `Sleeping`", "the record is its own parent"]);
    let _ = given([]).when(created(86_400 * 301)).then_warned(&["2026-10-29T00:00:00Z is in the future"]);
}
