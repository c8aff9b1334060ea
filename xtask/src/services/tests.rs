//! Rules that hold for each service.

use std::collections::BTreeSet;

use super::*;

#[test]
fn each_service_has_a_name_a_port_and_a_variable_of_its_own() {
    let count = |of: fn(&dyn Service) -> String| {
        all().iter().map(|service| of(service.as_ref())).collect::<BTreeSet<String>>().len()
    };
    assert_eq!(count(|service| service.id()), 4);
    assert_eq!(count(|service| service.port().to_string()), 4);
    assert_eq!(count(|service| service.variable().to_owned()), 4);
}

#[test]
fn tests_use_the_ports_of_the_services() {
    let endpoints = include_str!("../../../tests/services/src/endpoints.rs");
    for service in all() {
        let instance = format!(r#""{}", "http://127.0.0.1:{}""#, service.variable(), service.port());
        assert!(endpoints.contains(&instance), "{instance}");
    }
    let absence =
        all().iter().find_map(|service| service.absence(Path::new("target/services"))).expect("one may be absent");
    assert!(endpoints.contains(absence.to_str().expect("a path of ours")), "{}", absence.display());
}

#[test]
fn only_the_newer_opensearch_may_be_absent() {
    let home = Path::new("home");
    let may: Vec<String> =
        all().iter().filter(|service| service.absence(home).is_some()).map(|service| service.id()).collect();
    assert_eq!(may, ["opensearch-3.3.0"]);
}

#[test]
fn an_absent_service_is_reported_as_not_checked() {
    assert_eq!(outcome(4, &[]), Outcome::DoneWith(format!("4 ready; {STOP}")));
    let absent = outcome(4, &["OpenSearch 3.x: no JDK".to_owned()]);
    assert_eq!(absent, Outcome::NotChecked(format!("OpenSearch 3.x: no JDK; {STOP}")));
}

#[test]
fn a_started_service_is_recorded_until_it_is_stopped() {
    let root = tempfile::tempdir().expect("a folder");
    let instance = Instance::of(&moto::Moto, root.path(), 1).expect("a port");
    assert_eq!(instance.key, "moto-15556");
    assert_eq!(Started::load(&instance).expect("no file is no error"), None);
    start::renew(&instance.records()).expect("a folder");
    let process = process::Process::parse("4000000000 long ago").expect("a process");
    let started = Started::Process(process).saved(&instance).expect("it is written");
    assert_eq!(Started::load(&instance).expect("it is read"), Some(started.clone()));
    assert!(!started.stop(&instance).expect("nothing to stop"), "it does not run");
    assert_eq!(Started::load(&instance).expect("no file is no error"), None);
}

#[test]
fn an_offset_past_the_last_port_is_refused() {
    assert!(Instance::of(&moto::Moto, Path::new("."), u16::MAX).is_err());
}

#[test]
fn a_downloaded_service_needs_no_program_to_download_it() {
    let root = tempfile::tempdir().expect("a folder");
    let instance = |service: &dyn Service| Instance::of(service, root.path(), 0).expect("a port");
    let check = |service: &dyn Service, needs: &[Need]| {
        assert_eq!(service.needs(&instance(service)).expect("it is known"), needs, "{}", service.name());
    };
    let java = Need::Java(17..=u32::MAX);
    check(&dynamodb::DynamoDbLocal, &[java.clone(), Need::Maven]);
    check(&moto::Moto, &[Need::Python]);
    let home = home(root.path());
    for service in [&dynamodb::DynamoDbLocal as &dyn Service, &moto::Moto] {
        fs::create_dir_all(home.join(format!("{}-{}", service.id(), service.version()))).expect("a folder");
    }
    check(&dynamodb::DynamoDbLocal, &[java]);
    check(&moto::Moto, &[]);
}
