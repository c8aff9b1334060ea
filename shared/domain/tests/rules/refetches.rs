//! Which events make a record be read again, and which record images make that unnecessary.

use annals_domain::aggregate::Aggregate;
use annals_domain::change::RefetchReason::{
    self, AliveAfterDeletion, AtAnImagesInstant, BrokenText, Gap, MissingBase, NotCarried, RestoredInPart,
};
use annals_domain::identity::{EntityKey, ExternalId, Provider};
use annals_domain::position::{Rank, Version};
use annals_domain::provider_adapter::IncomingChange;
use annals_domain::services::refetch::{RefetchInput, is_satisfied, reasons};
use annals_domain::testing::{
    ChangeBuilder, created, deleted, gap, given, image, restored_in_part, restored_whole, updated,
};

const BROKEN: &str = "--- \n+++ 0000000000000000000000000000000000000000000000000000000000000000\n@@ -1 +1 @@\n-a\n+b";

/// The state after those changes.
fn state(changes: &[ChangeBuilder]) -> Aggregate {
    let entity = given([]).entity();
    let key = EntityKey { entity_name: entity.entity_name, aggregate_id: entity.aggregate_id };
    let mut state = Aggregate::new(key, Provider::Salesforce, ExternalId::new("001A"));
    for change in changes {
        state.apply(Version::FIRST, &change.clone().change());
    }
    state
}

fn input(incoming: &IncomingChange, meets_image: bool) -> RefetchInput<'_> {
    RefetchInput { event_type: incoming.event_type, change: &incoming.change, meets_image }
}

/// Why a record needs to be read again after these events of one batch, which follow those before them.
#[track_caller]
fn check(before: &[ChangeBuilder], batch: &[ChangeBuilder], expected: &[RefetchReason]) {
    let lifecycle = state(before).lifecycle_at();
    let after = state(&[before, batch].concat());
    let incoming: Vec<_> = batch.iter().map(|change| change.clone().incoming()).collect();
    let events: Vec<_> = incoming.iter().map(|incoming| input(incoming, false)).collect();
    let found: Vec<_> = reasons(lifecycle, &after, &events).into_iter().collect();
    assert_eq!(found, expected, "{before:?} then {batch:?}");
}

#[test]
fn what_a_change_asks_for_and_a_missing_base_require_a_refetch() {
    check(&[created(1)], &[updated(2).with("Name", "n")], &[]);
    check(&[created(1)], &[gap(2)], &[Gap]);
    check(&[created(1)], &[updated(2).naming("Name")], &[NotCarried]);
    check(&[], &[updated(2)], &[MissingBase]);
    check(&[], &[updated(2), created(1)], &[]);
    check(&[created(1), deleted(2)], &[restored_in_part(3)], &[RestoredInPart]);
}

#[test]
fn a_text_whose_differences_do_not_give_it_requires_a_refetch() {
    let description = || created(1).with("Description", "other");
    check(&[description()], &[updated(2).diffing("Description", BROKEN)], &[BrokenText]);
    let not_carried = updated(3).naming("Name");
    check(&[description()], &[updated(2).diffing("Description", BROKEN), not_carried], &[NotCarried]);
}

#[test]
fn an_image_by_itself_never_requires_another_refetch() {
    check(&[], &[image(2)], &[]);
    check(&[created(1), updated(2).naming("Name")], &[image(1)], &[]);
    check(&[created(1), deleted(2)], &[image(3)], &[]);
}

#[test]
fn an_update_after_the_deletion_that_was_newest_when_it_arrived_requires_a_refetch() {
    let removed = [created(1), deleted(5)];
    check(&removed, &[updated(6)], &[AliveAfterDeletion]);
    check(&removed, &[updated(4)], &[]);
    check(&removed, &[deleted(6)], &[]);
    check(&removed, &[restored_whole(6)], &[]);
    check(&[created(1)], &[updated(6)], &[]);
}

#[test]
fn each_event_of_a_batch_is_compared_with_those_before_it() {
    check(&[created(1)], &[deleted(5), updated(6)], &[AliveAfterDeletion]);
    check(&[created(1)], &[updated(6), deleted(5)], &[]);
    check(&[created(1)], &[deleted(5), restored_whole(6), updated(7)], &[]);
    check(&[created(1)], &[deleted(5), restored_whole(4), updated(6)], &[AliveAfterDeletion]);
    check(&[created(1), deleted(5)], &[image(6), updated(7)], &[]);
    check(&[], &[deleted(5), created(1), updated(6)], &[AliveAfterDeletion]);
}

#[test]
fn a_change_does_not_come_after_the_deletion_that_it_states_itself() {
    let deletion = updated(5).deleting();
    check(&[created(1), deletion.clone()], &[deletion], &[]);
}

#[test]
fn a_change_after_an_image_that_was_read_after_its_commit_may_be_in_the_image() {
    let known = [image(5).read_at(10)];
    check(&known, &[updated(7)], &[AtAnImagesInstant]);
    check(&known, &[updated(10)], &[AtAnImagesInstant]);
    check(&known, &[updated(11)], &[]);
    check(&known, &[updated(4)], &[]);
    check(&[image(5)], &[updated(7)], &[]);
    check(&[created(5).read_at(10)], &[updated(7)], &[]);
}

#[test]
fn the_event_that_states_the_whole_record_is_not_after_itself() {
    let fresh = image(5).ranked(Rank::FreshImage).read_at(10);
    check(&[], &[fresh.clone(), updated(4)], &[]);
    check(&[], &[fresh, updated(5)], &[AtAnImagesInstant]);
}

#[test]
fn a_change_that_meets_an_image_of_its_timestamp_requires_a_refetch() {
    let (incoming, after) = (updated(2).incoming(), state(&[created(1), updated(2)]));
    let of = |meets_image| reasons(None, &after, &[input(&incoming, meets_image)]).into_iter().collect::<Vec<_>>();
    assert_eq!((of(false), of(true)), (vec![], vec![AtAnImagesInstant]));
    let image = image(2).incoming();
    assert!(reasons(None, &after, &[input(&image, true)]).is_empty(), "only change events may be missing in an image");
}

#[test]
fn a_task_is_done_by_the_newest_image_of_a_record_that_is_whole_then() {
    let satisfied = |before: &[ChangeBuilder], batch: &[ChangeBuilder], meets_image: bool| {
        let incoming: Vec<_> = batch.iter().map(|change| change.clone().incoming()).collect();
        let events: Vec<_> = incoming.iter().map(|incoming| input(incoming, meets_image)).collect();
        is_satisfied(&state(&[before, batch].concat()), &events)
    };
    let unknown = updated(2).naming("Name");
    assert!(satisfied(std::slice::from_ref(&unknown), &[image(3).with("Name", "n")], false));
    assert!(satisfied(&[], &[image(3), updated(2)], false));
    assert!(!satisfied(&[created(1)], &[updated(3)], false), "no image");
    assert!(!satisfied(&[created(1)], &[image(3), updated(4)], false), "a newer change");
    assert!(!satisfied(&[created(1)], &[image(3).ranked(Rank::FreshImage)], false), "a fresh image");
    assert!(!satisfied(&[created(1)], &[image(3)], true), "a change that may not be in it");
    assert!(!satisfied(&[unknown], &[image(3)], false), "a field that it does not state");
    assert!(!satisfied(&[], &[image(3).partial()], false), "no base");
}
