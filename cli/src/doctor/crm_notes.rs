//! What reading the CRMs has come to: fields that cannot be read, and the last audits.

use annals_application::log_chain;
use annals_application::ports::{AuditNote, ObjectNote, ObjectNotes, ObjectOfProvider};

use super::check::Check;

const FIELDS: &str = "fields of the CRM";
const AUDIT: &str = "audit";

pub(crate) async fn checks(notes: &dyn ObjectNotes) -> Vec<Check> {
    let mut notes = match notes.notes().await {
        Ok(notes) => notes,
        Err(error) => return vec![Check::unknown(FIELDS, log_chain(&error))],
    };
    notes.sort_by(|(one, _), (other, _)| one.cmp(other));
    let checks = |(object, note): &(ObjectOfProvider, ObjectNote)| {
        let audits = [&note.audit, &note.sample].into_iter().flatten().map(|note| audit(object, note));
        unreadable(object, note).into_iter().chain(audits).collect::<Vec<Check>>()
    };
    notes.iter().flat_map(checks).collect()
}

fn unreadable((provider, name): &ObjectOfProvider, note: &ObjectNote) -> Option<Check> {
    if note.unreadable.is_empty() {
        return None;
    }
    let fields: Vec<String> = note.unreadable.iter().map(|path| format!("`{path}`")).collect();
    let found = format!("changed in `{name}` of {provider}, and cannot be read: {}", fields.join(", "));
    let remedy = "let the user of the connection read these fields, then run a backfill of the type";
    Some(Check::warning(FIELDS, found, remedy))
}

fn audit((provider, name): &ObjectOfProvider, audit: &AuditNote) -> Check {
    let of = if audit.is_complete { "" } else { ", a sample" };
    let found = format!(
        "`{name}` of {provider} at {}{of}: {} records compared, {} differ",
        audit.ended_at, audit.compared, audit.different
    );
    if audit.different == 0 {
        return Check::ok(AUDIT, found);
    }
    Check::warning(AUDIT, found, "`annals audit TYPE --repair` stores what differs as the CRM has it")
}
