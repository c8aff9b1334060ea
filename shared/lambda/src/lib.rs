//! What the four functions share: settings, the use cases joined over AWS, invocations, telemetry.
//!
//! Promises that a function's `main` holds nothing but its own inputs. Knows no event's form.

mod gateway;
mod installation;
mod invocation;
mod metered;
mod search;
pub mod settings;
pub mod telemetry;

pub use self::gateway::{Gateway, GatewayRequest};
pub use self::installation::{Installation, projector_settings};
pub use self::invocation::{Invocation, InvocationFailed, serve, unreadable};
pub use self::search::Search;
