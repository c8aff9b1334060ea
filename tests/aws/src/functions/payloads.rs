//! The payloads of invocations: the files of `events/` and payloads of the same forms.

use std::fs;

use annals_services::workspace;
use serde_json::{Value, json};

/// The caller that the authorizer accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// No caller: the route has no authorizer.
    Nobody,
    /// A token without scopes.
    Reader,
    /// A token with the scope `admin`.
    Admin,
}

/// A file below `events/`.
pub fn of_file(path: &str) -> String {
    let path = workspace().join("events").join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("`{}`: {error}", path.display()))
}

/// A request as API Gateway sends it (HTTP API, payload format 2.0).
pub fn request(method: &str, path_and_query: &str, caller: Caller, body: Option<&str>) -> Value {
    let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
    let mut request = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": { "accept": "application/json", "content-type": "application/json", "host": "api.example" },
        "requestContext": {
            "accountId": "111122223333",
            "apiId": "b7k2m9x4qe",
            "domainName": "api.example",
            "domainPrefix": "api",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.24",
                "userAgent": "tests"
            },
            "requestId": "KZ3x8iD9joEEPwA=",
            "routeKey": "$default",
            "stage": "$default",
            "time": "06/May/2026:12:00:00 +0000",
            "timeEpoch": 1_778_068_800_000_u64
        },
        "isBase64Encoded": false
    });
    let scope = match caller {
        Caller::Nobody => None,
        Caller::Reader => Some("read"),
        Caller::Admin => Some("read admin"),
    };
    if let Some(scope) = scope {
        let claims = json!({ "iss": "https://login.example", "sub": "tests", "scope": scope });
        request["requestContext"]["authorizer"] = json!({ "jwt": { "claims": claims, "scopes": null } });
    }
    if let Some(body) = body {
        request["body"] = json!(body);
    }
    request
}

/// Messages of the failure queue, by id and body.
pub fn queue(messages: &[(&str, &str)]) -> Value {
    let message = |(id, body): &(&str, &str)| {
        json!({
            "messageId": id,
            "receiptHandle": "AQEBe6411b7c098d3259f5749f97ad31eef0",
            "body": body,
            "attributes": { "ApproximateReceiveCount": "1", "SentTimestamp": "1778058352230" },
            "messageAttributes": {},
            "md5OfBody": "18debedd714ae12e52836165b551c1bc",
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-east-1:111122223333:annals-FailureQueue",
            "awsRegion": "us-east-1"
        })
    };
    json!({ "Records": messages.iter().map(message).collect::<Vec<_>>() })
}

/// The message that Lambda sends to an on-failure destination.
pub fn failed_invocation(payload: &Value) -> Value {
    json!({
        "version": "1.0",
        "timestamp": "2026-05-06T09:05:52.114Z",
        "requestContext": {
            "requestId": "e4f6d0b9-0b1f-4f0e-9a37-b6c2a1d58e70",
            "functionArn": "arn:aws:lambda:us-east-1:111122223333:function:ingest:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 3
        },
        "requestPayload": payload,
        "responseContext": { "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled" },
        "responsePayload": { "errorType": "InvocationFailed", "errorMessage": "the events table is not there" }
    })
}
