//! Access control of requests through API Gateway.

use annals_aws_tests::functions::Deployment;
use annals_aws_tests::functions::payloads::{Caller, of_file, request};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn only_health_needs_no_login_and_only_admins_read_the_quarantine() {
    let deployment = Deployment::new().await;
    let query = deployment.query();
    let table = [
        ("/health", Caller::Nobody, 200),
        ("/clients", Caller::Nobody, 401),
        ("/clients", Caller::Reader, 200),
        ("/clients/count", Caller::Nobody, 401),
        ("/clients/001000000000001AAA", Caller::Nobody, 401),
        ("/clients/001000000000001AAA/history", Caller::Nobody, 401),
        ("/quarantine", Caller::Nobody, 401),
        ("/quarantine", Caller::Reader, 403),
        ("/quarantine", Caller::Admin, 200),
        ("/openings", Caller::Reader, 404),
        ("/openapi.json", Caller::Nobody, 401),
        ("/openapi.json", Caller::Reader, 200),
        ("/clients?colour=red", Caller::Reader, 400),
    ];
    for (path, caller, expected) in table {
        let (status, body) = query.invoke_with(&request("GET", path, caller, None)).await.http();
        assert_eq!(status, expected, "{path} {caller:?}: {body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn scopes_that_the_route_requires_count_as_scopes_of_the_token() {
    let deployment = Deployment::new().await;
    let mut request: Value = serde_json::from_str(&of_file("query/quarantine.json")).unwrap();
    let jwt = &mut request["requestContext"]["authorizer"]["jwt"];
    jwt["claims"].as_object_mut().unwrap().remove("scope");
    assert_eq!(deployment.query().invoke_with(&request).await.http().0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_iam_the_listed_arns_are_admins() {
    let deployment = Deployment::new().await;
    let query = deployment.query().with("ANNALS_ADMIN_ARNS", "arn:aws:iam::111122223333:role/ops/, arn:aws:x");
    for (arn, expected) in [
        ("arn:aws:iam::111122223333:role/ops/night", 200),
        ("arn:aws:iam::111122223333:role/other", 403),
        ("arn:aws:iam::999922223333:role/ops/night", 403),
    ] {
        let mut request = request("GET", "/quarantine", Caller::Nobody, None);
        request["requestContext"]["authorizer"] = json!({ "iam": {
            "accessKey": "AKIA", "accountId": "111122223333", "callerId": "AIDA", "cognitoIdentity": null,
            "principalOrgId": null, "userArn": arn, "userId": "AIDA"
        } });
        let (status, body) = query.invoke_with(&request).await.http();
        assert_eq!(status, expected, "{arn}: {body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn admins_start_and_inspect_backfills_while_the_schedule_runs() {
    let deployment = Deployment::new().await;
    let backfill = deployment.backfill();
    let asked = |body: Option<&str>| request("POST", "/events/backfill/clients", Caller::Admin, body);
    let status = of_file("backfill/status.json");
    assert_eq!(backfill.invoke(&status).await.http().0, 404, "no backfill was requested");
    for (caller, expected) in [(Caller::Nobody, 401), (Caller::Reader, 403)] {
        let refused = request("POST", "/events/backfill/clients", caller, None);
        assert_eq!(backfill.invoke_with(&refused).await.http().0, expected, "{caller:?}");
    }
    let (code, job) = backfill.invoke_with(&asked(Some(r#"{"since": "2024-04-09"}"#))).await.http();
    assert_eq!((code, &job["state"], &job["mode"]), (202, &json!("waiting"), &json!("since")), "{job}");
    assert_eq!(backfill.invoke_with(&asked(None)).await.http().0, 409);
    assert_eq!(backfill.invoke(&status).await.http(), (200, job.clone()));
    let due = |value: Value| value["waiting_for_crm"].as_u64();
    assert_eq!(due(backfill.invoke(&of_file("backfill/schedule.json")).await.value()), Some(1));
    let cancel = request("POST", "/events/backfill/clients/cancel", Caller::Admin, None);
    let (code, cancelled) = backfill.invoke_with(&cancel).await.http();
    assert_eq!((code, &cancelled["id"], &cancelled["state"]), (200, &job["id"], &json!("cancelled")));
    assert_eq!(due(backfill.invoke(&of_file("backfill/schedule.json")).await.value()), Some(0));
}
