//! What the four Lambda functions share: settings, the use cases connected to AWS, invocations, API Gateway requests
//! and telemetry. Each function's own package has only its inputs.

mod gateway;
mod installation;
mod invocation;
mod metered;
mod salesforce;
mod search;
pub mod settings;
pub mod telemetry;

pub use self::gateway::{Gateway, GatewayRequest};
pub use self::installation::{Installation, projector_settings};
pub use self::invocation::{Invocation, InvocationFailed, at_source_location, serve};
pub use self::salesforce::{ConnectError, salesforce_client, salesforce_settings};
pub use self::search::Search;
