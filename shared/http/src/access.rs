//! What routes and parameters ask of their caller: read by the guard of the routes and by the document.

use crate::read_scope::scope_of;

/// The scope of operators.
pub(crate) const ADMIN: &str = "admin";

/// What the parameter `raw=true` of a history asks, beside what the route does.
pub(crate) const RAW_ACCESS: Access = Access::Admin;

/// What a route or a parameter asks of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Nothing: the login lets everyone through.
    Anyone,
    /// A login.
    LoggedIn,
    /// A login that may read the entity type in the path.
    Reader,
    /// The admin scope.
    Admin,
}

impl Access {
    /// The scopes that a caller needs, where `entity_type` is the one that is read, if it is known; `None` without a login.
    pub(crate) fn scopes(self, entity_type: Option<&str>) -> Option<Vec<String>> {
        match self {
            Self::Anyone => None,
            Self::LoggedIn => Some(Vec::new()),
            Self::Reader => Some(entity_type.map(scope_of).into_iter().collect()),
            Self::Admin => Some(vec![ADMIN.to_owned()]),
        }
    }
}
