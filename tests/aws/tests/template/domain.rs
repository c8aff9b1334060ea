//! The search domain is encrypted and is kept if possible.

use annals_aws_tests::template::Template;
use serde_json::json;

#[test]
fn the_domain_is_encrypted_everywhere() {
    let stack = Template::read().with(&[]);
    let domain = stack.properties("SearchDomain");
    for setting in ["/EncryptionAtRestOptions/Enabled", "/NodeToNodeEncryptionOptions/Enabled"] {
        assert_eq!(domain.pointer(setting), Some(&json!(true)), "{setting}");
    }
    assert_eq!(domain["DomainEndpointOptions"]["EnforceHTTPS"], true);
}

#[test]
fn a_version_upgrade_keeps_the_data_of_the_domain() {
    let stack = Template::read().with(&[]);
    assert_eq!(stack.resource("SearchDomain")["UpdatePolicy"], json!({"EnableVersionUpgrade": true}));
}
