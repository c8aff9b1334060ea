//! Bodies in quarantine, over a SQLite file.

use std::sync::Arc;

use annals_application::commands::{CHUNK_BYTES, Quarantine};
use annals_application::ports::{PortErrorKind, QuarantineStore};
use annals_application::system::{RandomIds, SystemClock};
use annals_domain::identity::Provider;
use annals_sqlite::{Database, SqliteStateStore};
use tempfile::TempDir;

#[tokio::test]
async fn a_body_that_lost_a_chunk_is_not_given_as_if_it_were_whole() {
    let folder = TempDir::new().unwrap();
    let state = SqliteStateStore::new(Database::open(&folder.path().join("annals.db")).unwrap());
    let quarantine = Quarantine::new(Arc::new(state.clone()), Arc::new(SystemClock), Arc::new(RandomIds));
    let body: Vec<u8> = (0..CHUNK_BYTES * 2 + 7).map(|at| u8::try_from(at % 251).unwrap()).collect();
    let entry = quarantine.keep(Provider::Salesforce, &body, Vec::new()).await.unwrap();
    assert!(quarantine.body(&entry, usize::MAX).await.unwrap() == body);

    state.delete_chunks(entry.body_id).await.unwrap();
    for (number, chunk) in (0..).zip(body.chunks(CHUNK_BYTES)).filter(|(number, _)| *number != 1) {
        state.put_chunk(entry.body_id, number, entry.received_at, chunk.to_vec()).await.unwrap();
    }
    assert_eq!(quarantine.body(&entry, 9).await.unwrap(), body[..9], "as far as it is there it is shown");
    let error = quarantine.body(&entry, usize::MAX).await.unwrap_err();
    assert_eq!((error.kind, error.resource.as_str()), (PortErrorKind::Corrupt, state.name()));
    let said = format!("the quarantined input `{}` is damaged: chunk 1 is not there", entry.id);
    assert_eq!(error.message, said);
}
