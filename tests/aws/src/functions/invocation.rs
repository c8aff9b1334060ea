//! What an invocation of a function gives to a test.

use serde_json::Value;

/// The result of an invocation.
#[derive(Debug)]
pub struct InvocationResult {
    /// The payload of its response or of its error.
    pub outcome: Result<String, String>,
    /// The log lines of the function.
    pub lines: Vec<String>,
    /// The standard error of its process.
    pub errors: String,
}

impl InvocationResult {
    /// The payload as JSON.
    ///
    /// # Panics
    /// If the invocation failed.
    #[track_caller]
    pub fn value(&self) -> Value {
        match &self.outcome {
            Ok(payload) => serde_json::from_str(payload).expect("a response is JSON"),
            Err(error) => panic!("the invocation failed: {error}\n{}\n{}", self.lines.join("\n"), self.errors),
        }
    }

    /// The status and the body of a response for API Gateway.
    #[track_caller]
    pub fn http(&self) -> (u64, Value) {
        let response = self.value();
        let body = response["body"].as_str().unwrap_or_default();
        let body = serde_json::from_str(body).unwrap_or_else(|_| Value::String(body.to_owned()));
        (response["statusCode"].as_u64().expect("API Gateway needs a status"), body)
    }
}
