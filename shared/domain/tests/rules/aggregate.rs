//! What an aggregate says of itself besides its fields.

use annals_domain::aggregate::Aggregate;
use annals_domain::identity::{AggregateId, EntityKey, EntityName, ExternalId, Provider, ProviderAccount};
use annals_domain::position::Version;
use annals_domain::testing::{at, created, updated};

#[test]
fn it_knows_its_paths_its_newest_change_and_what_set_each_field() {
    let (name, id) = (EntityName::new("Account"), ExternalId::new("001A"));
    let aggregate_id = AggregateId::of(Provider::Salesforce, &ProviderAccount::unset(), &name, &id);
    let mut state = Aggregate::new(EntityKey { entity_name: name, aggregate_id }, Provider::Salesforce, id);
    assert_eq!((state.created_at(), state.newest(), state.paths().count()), (None, None, 0));
    let (creation, update) = (created(1).with("Name", "n").with("Phone", "1").change(), updated(2).with("Name", "m"));
    let update = update.naming("Fax").change();
    state.apply(Version::new(1), &creation);
    state.apply(Version::new(2), &update);
    assert_eq!(state.created_at(), Some(at(1)));
    assert_eq!(state.newest(), Some(update.position));
    assert_eq!(state.paths().map(|path| path.as_str()).collect::<Vec<_>>(), ["Fax", "Name", "Phone"]);
    let set_by = |path: &str| state.set_by(path);
    assert_eq!(set_by("Name"), Some(update.position));
    assert_eq!(set_by("Fax"), Some(update.position));
    assert_eq!(set_by("Phone"), Some(creation.position));
    assert_eq!(set_by("Website"), None);
}
