//! What every [`LiveEntities`] must do. The adapter is a read model, made with `samples::catalog()`.

use std::sync::Arc;

use annals_domain::identity::Provider;

use super::samples::{document, schema, thing};
use crate::ports::{Document, LiveEntities, ReadModel};

/// Makes a test of each rule for live entities.
#[macro_export]
macro_rules! live_entities_contract {
    ($make:path) => {
        $crate::contract_tests!(
            $make,
            $crate::contract::live_entities,
            [live_entities_are_walked_once_in_pages_of_any_size, objects_without_a_definition_are_walked_apart]
        );
    };
}

async fn walk(model: &impl LiveEntities, object: &str, page: usize) -> Vec<String> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let read = model.live_after(&schema(object), Provider::Salesforce, after, page).await.expect("the model reads");
        assert!(read.is_sorted_by_key(|entity| entity.aggregate_id.uuid()), "{read:?}");
        let is_last = read.len() < page;
        after = read.last().map(|entity| entity.aggregate_id).or(after);
        found.extend(read.into_iter().map(|entity| entity.external_id.as_str().to_owned()));
        if is_last {
            found.sort();
            let count = model.count_live(&schema(object), Provider::Salesforce).await.expect("the model reads");
            assert_eq!(count, found.len() as u64);
            return found;
        }
    }
}

pub async fn live_entities_are_walked_once_in_pages_of_any_size(model: &(impl LiveEntities + ReadModel)) {
    assert!(walk(model, "Thing__c", 3).await.is_empty());
    let mut documents: Vec<Document> = (0..7).map(|number| thing(&number.to_string(), Vec::new())).collect();
    Arc::make_mut(&mut documents[3].entity).is_deleted = true;
    Arc::make_mut(&mut documents[4].entity).provider = Provider::Hubspot;
    documents.push(document("Gadget__c", "gadget", Vec::new()));
    model.index(documents).await.expect("the model writes");
    for page in [1, 2, 5, 6, 100] {
        assert_eq!(walk(model, "Thing__c", page).await, ["0", "1", "2", "5", "6"], "pages of {page}");
    }
}

pub async fn objects_without_a_definition_are_walked_apart(model: &(impl LiveEntities + ReadModel)) {
    let documents = [("One__c", "1"), ("Two__c", "2"), ("One__c", "3")];
    let documents = documents.map(|(object, id)| document(object, id, Vec::new()));
    model.index(documents.to_vec()).await.expect("the model writes");
    assert_eq!(walk(model, "One__c", 1).await, ["1", "3"]);
}
