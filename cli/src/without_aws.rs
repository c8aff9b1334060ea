//! Takes the place of the module `aws` in a build without the feature `aws`: every function returns the same error.

use annals_application::audit::Auditor;
use annals_application::crm::CrmConnections;
use annals_application::queries::EntityQueries;
use annals_domain::definition::EntitySchema;
use annals_domain::timestamp::Timestamp;

use crate::arguments::{Rebuild, Shared};
use crate::command_side::CommandSide;
use crate::doctor::Check;
use crate::exit::{Exit, Failure};
use crate::export::entity::EntitySource;

pub(crate) fn require_feature() -> Result<(), Failure> {
    Err(not_built_in())
}

pub(crate) async fn open_commands(_: &Shared) -> Result<CommandSide, Failure> {
    Err(not_built_in())
}

pub(crate) async fn open_queries(_: &Shared) -> Result<EntityQueries, Failure> {
    Err(not_built_in())
}

pub(crate) async fn open_auditor(_: &Shared, _: CrmConnections) -> Result<Auditor, Failure> {
    Err(not_built_in())
}

pub(crate) async fn doctor_checks(_: &Shared) -> Result<Vec<Check>, Failure> {
    Err(not_built_in())
}

pub(crate) async fn rebuild(_: &Shared, _: &Rebuild) -> Result<Exit, Failure> {
    Err(not_built_in())
}

pub(crate) async fn past_entities(_: &Shared, _: &EntitySchema, _: Timestamp) -> Result<EntitySource, Failure> {
    Err(not_built_in())
}

fn not_built_in() -> Failure {
    let message = "`--target aws` needs the cargo feature `aws`, and this command was built without it";
    let hint = "`cargo install --path cli --features aws` installs a command with it, and \
                `cargo run --release --features aws -- …` runs one";
    Failure::usage(message).hint(hint)
}
