//! Which streams have events: those with an item of the first version, since versions are dense. A hundred a request.

use std::collections::{HashMap, HashSet};

use annals_application::ports::PortError;
use annals_domain::identity::EntityKey;
use annals_domain::position::Version;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};

use crate::client::{port_error, wait_for_batch};
use crate::event_store::DynamoEventStore;
use crate::event_store::table::{ENTITY_KEY, VERSION};

/// The most keys that DynamoDB takes in one request.
const KEYS_A_CALL: usize = 100;

type Wanted = HashMap<String, KeysAndAttributes>;

impl DynamoEventStore {
    pub(super) async fn find_first_events(&self, keys: &[EntityKey]) -> Result<Vec<bool>, PortError> {
        let texts: Vec<String> = keys.iter().map(ToString::to_string).collect();
        let mut found = HashSet::with_capacity(texts.len());
        for texts in texts.chunks(KEYS_A_CALL) {
            self.find_all(self.first_of(texts), &mut found).await?;
        }
        Ok(texts.iter().map(|text| found.contains(text)).collect())
    }

    fn first_of(&self, keys: &[String]) -> Option<Wanted> {
        let key = |key: &String| {
            HashMap::from([
                (ENTITY_KEY.to_owned(), AttributeValue::S(key.clone())),
                (VERSION.to_owned(), AttributeValue::N(Version::FIRST.to_string())),
            ])
        };
        let keys = KeysAndAttributes::builder().set_keys(Some(keys.iter().map(key).collect())).consistent_read(true);
        let keys = keys.projection_expression("#key").expression_attribute_names("#key", ENTITY_KEY);
        Some(HashMap::from([(self.table().to_owned(), keys.build().expect("the keys are given"))]))
    }

    async fn find_all(&self, mut wanted: Option<Wanted>, found: &mut HashSet<String>) -> Result<(), PortError> {
        let mut attempt = 0;
        while let Some(left) = wanted.filter(|left| !left.is_empty()) {
            wait_for_batch(&self.table, attempt).await?;
            attempt += 1;
            let request = self.reader.batch_get_item().set_request_items(Some(left));
            let response = request.send().await.map_err(|error| port_error(&self.table, error))?;
            let items = response.responses.into_iter().flatten().flat_map(|(_, items)| items);
            found.extend(items.filter_map(|mut item| match item.remove(ENTITY_KEY) {
                Some(AttributeValue::S(key)) => Some(key),
                _ => None,
            }));
            wanted = response.unprocessed_keys;
        }
        Ok(())
    }
}
