//! How Annals reaches AWS: one configuration for all clients, what their errors mean, and settings
//! from the environment.
//!
//! Promises that a function trusts Amazon's roots alone, that no call waits for ever, and that an
//! error says which resource failed and what the caller may do. Holds no adapter.

mod connection;
mod environment;
mod failure;

pub use self::connection::{Trust, connect, without_retries};
pub use self::environment::{Environment, SettingsError};
pub use self::failure::{kind_of_code, port_error};
