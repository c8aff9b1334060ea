//! `doctor`: checks everything that an installation depends on.
//!
//! Prints one line a check, with what to do if something is to be done. Nothing is changed.

pub(crate) mod accounts;
mod check;
mod crm_notes;
mod local;
mod report;

pub(crate) use self::check::{Check, Verdict};
pub(crate) use self::report::print;
use crate::arguments::{Doctor, Shared, Target};
use crate::aws;
use crate::connect;
use crate::exit::{Exit, Failure};

pub(crate) async fn run(shared: &Shared, doctor: &Doctor) -> Result<Exit, Failure> {
    let mut checks = match shared.on_aws.target {
        Target::Local => local::checks(shared).await?,
        Target::Aws => Box::pin(aws::doctor_checks(shared)).await?,
    };
    checks.extend(connect::org_checks().await);
    print(shared, &checks, doctor.json)
}
