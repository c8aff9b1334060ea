//! A change on its way from its command to its stream.

use std::sync::Arc;

use annals_domain::identity::{AggregateId, EntityKey, ProviderAccount};
use annals_domain::provider_adapter::IncomingChange;
use uuid::Uuid;

#[derive(Debug)]
pub(super) struct CommandContext {
    pub(super) command_id: Uuid,
    pub(super) correlation_id: Option<String>,
    /// Whether its sender found no event of the record: its head need not be read.
    pub(super) is_first: bool,
}

#[derive(Debug)]
pub(super) struct PendingChange {
    pub(super) key: EntityKey,
    pub(super) incoming: Arc<IncomingChange>,
    pub(super) context: Arc<CommandContext>,
}

impl PendingChange {
    pub(super) fn new(incoming: IncomingChange, account: &ProviderAccount, context: &Arc<CommandContext>) -> Self {
        let (metadata, entity_name) = (&incoming.metadata, incoming.entity_name.clone());
        let aggregate_id = AggregateId::of(metadata.provider, account, &entity_name, &metadata.external_id);
        let key = EntityKey { entity_name, aggregate_id };
        Self { key, incoming: Arc::new(incoming), context: Arc::clone(context) }
    }

    /// The change's own correlation id, or else its command's.
    pub(super) fn correlation_id(&self) -> Option<&String> {
        self.incoming.metadata.correlation_id.as_ref().or(self.context.correlation_id.as_ref())
    }
}
