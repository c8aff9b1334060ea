//! The connection to AWS: one configuration for all clients, the meaning of their errors, and settings from the
//! environment.

mod batch;
mod connection;
mod environment;
mod failure;

pub(crate) use self::batch::wait_for_batch;
pub use self::connection::{Trust, connect, without_retries};
pub use self::environment::{Environment, SettingsError};
pub use self::failure::{kind_of_code, port_error};
