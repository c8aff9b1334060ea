//! OpenSearch in a VPC: those who call it run there too, if subnets are given.

use annals_aws_tests::template::{Stack, Template};
use serde_json::{Value, json};

fn in_vpc(parameters: &[(&str, &str)]) -> Stack {
    let vpc = [("VpcSubnets", "subnet-0a,subnet-0b"), ("VpcSecurityGroups", "sg-0c,sg-0d")];
    Template::read().with(&[&vpc[..], parameters].concat())
}

#[test]
fn with_subnets_all_functions_that_search_run_in_them_and_ingest_does_not() {
    for open_search in ["new", "domain", "endpoint"] {
        let stack = in_vpc(&[("OpenSearch", open_search), ("OpenSearchEndpoint", "https://vpc-annals.example")]);
        let expected = json!({"SubnetIds": ["subnet-0a", "subnet-0b"], "SecurityGroupIds": ["sg-0c", "sg-0d"]});
        for function in ["ProjectionFunction", "QueryFunction", "BackfillFunction"] {
            assert_eq!(stack.properties(function)["VpcConfig"], expected, "{function}");
        }
        assert_eq!(stack.properties("IngestFunction")["VpcConfig"], Value::Null);
    }
}

#[test]
fn a_new_domain_has_one_subnet_for_each_zone() {
    for (instances, subnets) in [("1", json!(["subnet-0a"])), ("2", json!(["subnet-0a", "subnet-0b"]))] {
        let stack = in_vpc(&[("OpenSearchInstanceCount", instances)]);
        let options = &stack.properties("SearchDomain")["VPCOptions"];
        assert_eq!(options, &json!({"SubnetIds": subnets, "SecurityGroupIds": ["sg-0c", "sg-0d"]}), "{instances}");
    }
}

#[test]
fn without_subnets_nothing_is_in_a_vpc() {
    let stack = Template::read().with(&[]);
    for function in stack.functions() {
        assert_eq!(function.properties["VpcConfig"], Value::Null, "{}", function.id);
    }
    assert_eq!(stack.properties("SearchDomain")["VPCOptions"], Value::Null);
}

#[test]
fn subnets_need_security_groups() {
    let template = Template::read();
    let rule = &template.document()["Rules"]["VpcIsWhole"];
    assert_eq!(rule["RuleCondition"], json!({"Fn::Not": [{"Fn::Equals": [{"Ref": "VpcSubnets"}, ""]}]}));
    let asserted = json!({"Fn::Not": [{"Fn::Equals": [{"Ref": "VpcSecurityGroups"}, ""]}]});
    assert_eq!(rule["Assertions"][0]["Assert"], asserted);
}
