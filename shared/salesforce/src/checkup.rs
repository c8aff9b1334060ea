//! What a first connection asks: whether the org takes the credentials, which versions it has, and which objects it
//! captures changes of.

use annals_application::ports::CrmError;
use serde::Deserialize;

use crate::client::SalesforceClient;
use crate::connection::Call;
use crate::failure::FailureKind;
use crate::query::Resource;

#[derive(Deserialize)]
struct Version {
    version: String,
}

#[derive(Deserialize)]
struct Members {
    records: Vec<Member>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Member {
    selected_entity: String,
}

impl SalesforceClient {
    /// Obtains a token, which costs no call of the day's.
    pub async fn log_in(&self) -> Result<(), CrmError> {
        self.connection().log_in().await.map_err(|failure| self.error(None, failure))
    }

    /// The versions of the API that the org has, the oldest first.
    pub async fn versions(&self) -> Result<Vec<String>, CrmError> {
        let versions = self.connection().json::<Vec<Version>>(&Call::get("/services/data/")).await;
        let (versions, _) = versions.map_err(|failure| self.error(None, failure))?;
        Ok(versions.into_iter().map(|version| version.version).collect())
    }

    /// The version that every call names.
    pub fn version(&self) -> &str {
        self.connection().settings().api_version.as_str()
    }

    /// The objects whose changes are captured, on any channel; `None` if this user may not ask that.
    pub async fn captured_objects(&self) -> Result<Option<Vec<String>>, CrmError> {
        const MEMBERS: &str = "SELECT SelectedEntity FROM PlatformEventChannelMember";
        let call = Call::get(format!("/tooling{}", Resource::Query.uri(MEMBERS)));
        match self.connection().json::<Members>(&call).await {
            Ok((members, _)) => Ok(Some(members.records.iter().filter_map(Member::object).collect())),
            Err(failure) => match failure.kind {
                FailureKind::NotFound
                | FailureKind::ObjectMissing
                | FailureKind::FieldsMissing(_)
                | FailureKind::Unauthorised
                | FailureKind::Rejected => Ok(None),
                _ => Err(self.error(None, failure)),
            },
        }
    }
}

impl Member {
    /// The object of a change event: `AccountChangeEvent` is that of `Account`, `X__ChangeEvent` that of `X__c`.
    fn object(&self) -> Option<String> {
        let object = self.selected_entity.strip_suffix("ChangeEvent")?;
        Some(object.strip_suffix("__").map_or_else(|| object.to_owned(), |own| format!("{own}__c")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_object_of_a_change_event_is_named_by_it() {
        let object = |name: &str| Member { selected_entity: name.to_owned() }.object();
        assert_eq!(object("AccountChangeEvent").as_deref(), Some("Account"));
        assert_eq!(object("Platform__ChangeEvent").as_deref(), Some("Platform__c"));
        assert_eq!(object("ns__X__ChangeEvent").as_deref(), Some("ns__X__c"));
        assert_eq!(object("Order_Event__e"), None);
    }
}
