//! Identities: provider, account, object and external id of a record, and the ids computed from them.
//!
//! The aggregate id follows from provider, account, object and external id without a lookup, so two writers cannot
//! race for it. External ids arrive here in canonical form; their formats are known to the adapters only.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The namespace of every UUIDv5 of this project. Stored ids depend on it: it never changes.
pub(crate) const NAMESPACE: Uuid = Uuid::from_u128(0x6f2d_7c1e_93b4_4a58_8f0a_51c7_d2e6_3b90);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// Salesforce, by Change Data Capture.
    Salesforce,
    Hubspot,
    Pipedrive,
}

impl Provider {
    pub const ALL: [Self; 3] = [Self::Salesforce, Self::Hubspot, Self::Pipedrive];

    /// The name in paths, settings and stored events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Salesforce => "salesforce",
            Self::Hubspot => "hubspot",
            Self::Pipedrive => "pipedrive",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown provider `{0}`: expected salesforce, hubspot or pipedrive")]
pub struct UnknownProvider(String);

impl FromStr for Provider {
    type Err = UnknownProvider;

    fn from_str(text: &str) -> Result<Self, UnknownProvider> {
        Self::ALL.into_iter().find(|p| p.as_str() == text).ok_or_else(|| UnknownProvider(text.to_owned()))
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Defines a newtype of a text that is cheap to clone.
macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(Arc<str>);

        impl $name {
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id!(
    /// The account of a provider: a Salesforce org, a HubSpot portal, a Pipedrive company.
    ProviderAccount
);
text_id!(
    /// A record's id at its provider, in the adapter's canonical form.
    ExternalId
);
text_id!(
    /// The provider's name for an object: `Account`, `company`. First half of the entity key.
    EntityName
);
text_id!(
    /// The name of an entity type: a definition's, such as `client`, or the lowercase name of an object without one.
    AggregateType
);

impl ProviderAccount {
    /// The account of an installation that configures none.
    pub fn unset() -> Self {
        Self::new("default")
    }
}

/// The internal id of one record: UUIDv5 of provider, account, object and external id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AggregateId(Uuid);

impl AggregateId {
    /// The id of that record: always the same for the same four values.
    pub fn of(provider: Provider, account: &ProviderAccount, object: &EntityName, id: &ExternalId) -> Self {
        Self(uuid_of(&[provider.as_str(), account.as_str(), object.as_str(), id.as_str()]))
    }

    /// An id read back from storage or a request.
    pub fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    pub fn uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for AggregateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// UUIDv5 of several parts. Each is preceded by its length, so `ab`, `c` and `a`, `bc` give different ids.
pub(crate) fn uuid_of(parts: &[&str]) -> Uuid {
    let mut name = Vec::with_capacity(parts.iter().map(|p| p.len() + 8).sum());
    for part in parts {
        name.extend_from_slice(&(part.len() as u64).to_be_bytes());
        name.extend_from_slice(part.as_bytes());
    }
    Uuid::new_v5(&NAMESPACE, &name)
}

/// The partition key of one record's events: `entity_name#entity_id`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityKey {
    pub entity_name: EntityName,
    pub aggregate_id: AggregateId,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid entity key `{0}`: expected a key such as Account#6f2d7c1e-93b4-5a58-8f0a-51c7d2e63b90")]
pub struct InvalidEntityKey(String);

impl fmt::Display for EntityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.entity_name, self.aggregate_id)
    }
}

impl FromStr for EntityKey {
    type Err = InvalidEntityKey;

    fn from_str(text: &str) -> Result<Self, InvalidEntityKey> {
        let invalid = || InvalidEntityKey(text.to_owned());
        let (name, id) = text.rsplit_once('#').ok_or_else(invalid)?;
        let uuid = Uuid::parse_str(id).map_err(|_| invalid())?;
        if name.is_empty() {
            return Err(invalid());
        }
        Ok(Self { entity_name: EntityName::new(name), aggregate_id: AggregateId(uuid) })
    }
}

impl Serialize for EntityKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EntityKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(account: &str, object: &str, external: &str) -> AggregateId {
        let (account, object) = (ProviderAccount::new(account), EntityName::new(object));
        AggregateId::of(Provider::Salesforce, &account, &object, &ExternalId::new(external))
    }

    #[test]
    fn two_records_have_the_same_id_only_if_they_are_the_same_record() {
        assert_eq!(id("o", "Account", "1"), id("o", "Account", "1"));
        assert_ne!(id("o", "Account", "1"), id("p", "Account", "1"));
        assert_ne!(id("o", "Account", "1"), id("o", "Contact", "1"));
        assert_ne!(id("o", "ab", "c"), id("o", "a", "bc"));
    }

    #[test]
    fn an_id_never_changes_between_releases() {
        insta::assert_snapshot!(id("default", "Account", "0015f00002J9YYEAA3"), @"c73c7b98-c79d-5e8b-8bd9-61c8339b50de");
    }

    #[test]
    fn an_entity_key_parses_to_what_was_written() {
        let key = EntityKey { entity_name: EntityName::new("Account"), aggregate_id: id("o", "Account", "1") };
        assert_eq!(key.to_string().parse(), Ok(key));
        assert!("Account".parse::<EntityKey>().is_err());
        assert!("#6f2d7c1e-93b4-5a58-8f0a-51c7d2e63b90".parse::<EntityKey>().is_err());
    }
}
