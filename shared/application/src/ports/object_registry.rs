//! The objects of which records are known.

use annals_domain::identity::{EntityName, Provider};
use async_trait::async_trait;

use super::PortError;

/// Remembers which objects of which providers have records, so that types without a definition can
/// be queried and rebuilt by name.
#[async_trait]
pub trait ObjectRegistry: Send + Sync {
    /// Adds objects. Idempotent. After an error some of them may be added.
    async fn register(&self, objects: &[(Provider, EntityName)]) -> Result<(), PortError>;

    /// All registered objects, in any order: some dozens at most.
    async fn registered(&self) -> Result<Vec<(Provider, EntityName)>, PortError>;
}
