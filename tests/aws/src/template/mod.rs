//! The deployment template as a stack: parsed and with its parameters resolved.
//!
//! Conditions are evaluated and parameters resolved, so that tests check what would be deployed. A value that
//! only exists after the deployment stays a name: `${EventsTable.Arn}`.

mod conditions;
mod document;
mod intrinsics;
mod policy;
pub mod stream_payloads;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

pub use annals_tests::samples::repository;

pub use self::policy::{Statement, matches};

/// The template as written.
#[derive(Debug, Clone)]
pub struct Template {
    document: Value,
}

/// The template with its parameters resolved.
#[derive(Debug, Clone)]
pub struct Stack {
    /// The values of the parameters.
    pub chosen: BTreeMap<String, Value>,
    resources: Map<String, Value>,
    globals: Value,
}

/// A function of a stack.
#[derive(Debug, Clone)]
pub struct Function {
    /// Its name in the template, such as `IngestFunction`.
    pub id: String,
    /// Its settings.
    pub properties: Value,
    /// Its environment, including the variables of all functions.
    pub environment: BTreeMap<String, String>,
}

impl Template {
    /// `template.yaml` of this repository.
    pub fn read() -> Self {
        let path = repository().join("template.yaml");
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("`{}`: {error}", path.display()));
        Self::of(&text)
    }

    /// A template from CloudFormation's YAML.
    pub fn of(text: &str) -> Self {
        Self { document: document::parse(text).expect("the template is YAML") }
    }

    /// As written, with functions in their long form.
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// The stack with these parameters and the defaults of all others.
    pub fn with(&self, parameters: &[(&str, &str)]) -> Stack {
        let mut chosen = self.defaults();
        for (name, value) in parameters {
            let known = chosen.insert((*name).to_owned(), Value::from(*value));
            assert!(known.is_some(), "the template has no parameter `{name}`");
        }
        let conditions = conditions::decide(&self.document["Conditions"], &chosen);
        let resources = self.document["Resources"].as_object().expect("resources");
        let intrinsics = intrinsics::Intrinsics { resources, parameters: &chosen, conditions: &conditions };
        let there = resources.iter().filter(|(_, resource)| match resource.get("Condition") {
            Some(condition) => conditions[condition.as_str().expect("a condition's name")],
            None => true,
        });
        let resolved = |(id, resource): (&String, &Value)| (id.clone(), intrinsics.resolve(resource));
        let resources = there.map(resolved).collect();
        Stack { resources, globals: intrinsics.resolve(&self.document["Globals"]), chosen }
    }

    /// One stack for each combination of the parameters that the permissions and the environment depend on.
    pub fn stacks(&self) -> Vec<Stack> {
        let mut stacks = Vec::new();
        for open_search in ["new", "domain", "endpoint"] {
            for publisher in ["eventbridge", "sns", "none"] {
                for authorizer in ["iam", "jwt"] {
                    for source in ["", "aws.partner/salesforce.com/00DQz0000004nNlMAI/0YLQz0000000001OAA"] {
                        let salesforce_url = if source.is_empty() { "" } else { "https://example.my.salesforce.com" };
                        for subnets in ["", "subnet-0a,subnet-0b"] {
                            stacks.push(self.with(&[
                                ("OpenSearch", open_search),
                                ("OpenSearchEndpoint", "https://search.example"),
                                ("Publisher", publisher),
                                ("Authorizer", authorizer),
                                ("JwtIssuer", "https://login.example"),
                                ("SalesforceEventSource", source),
                                ("SalesforceUrl", salesforce_url),
                                ("SalesforceClientId", "3MVG9"),
                                ("SalesforceUsername", if authorizer == "jwt" { "annals@example.com" } else { "" }),
                                ("VpcSubnets", subnets),
                                ("VpcSecurityGroups", if subnets.is_empty() { "" } else { "sg-0c" }),
                            ]));
                        }
                    }
                }
            }
        }
        stacks
    }

    fn defaults(&self) -> BTreeMap<String, Value> {
        let parameters = self.document["Parameters"].as_object().expect("parameters");
        let default = |(name, parameter): (&String, &Value)| {
            let default = parameter.get("Default").unwrap_or_else(|| panic!("`{name}` has no default"));
            (name.clone(), default.clone())
        };
        parameters.iter().map(default).collect()
    }
}

impl Stack {
    /// The value of a parameter.
    pub fn chose(&self, parameter: &str) -> &str {
        self.chosen[parameter].as_str().expect("a parameter that is a text")
    }

    /// The properties of a resource.
    pub fn properties(&self, id: &str) -> &Value {
        &self.resource(id)["Properties"]
    }

    /// The whole definition of a resource.
    pub fn resource(&self, id: &str) -> &Value {
        self.resources.get(id).unwrap_or_else(|| panic!("no resource `{id}`"))
    }

    /// Whether there is a resource of that name.
    pub fn has(&self, id: &str) -> bool {
        self.resources.contains_key(id)
    }

    /// The names and settings of all resources of a type.
    pub fn of_type<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = (&'a str, &'a Value)> {
        let resources = self.resources.iter().filter(move |(_, resource)| resource["Type"] == kind);
        resources.map(|(id, resource)| (id.as_str(), &resource["Properties"]))
    }

    /// The types of all resources.
    pub fn types(&self) -> impl Iterator<Item = (&str, &str)> {
        self.resources.iter().map(|(id, resource)| (id.as_str(), resource["Type"].as_str().expect("a type")))
    }

    /// All functions.
    pub fn functions(&self) -> Vec<Function> {
        let functions = self.of_type("AWS::Serverless::Function");
        functions.map(|(id, properties)| self.function_of(id, properties)).collect()
    }

    /// One function.
    pub fn function(&self, id: &str) -> Function {
        self.function_of(id, self.properties(id))
    }

    fn function_of(&self, id: &str, properties: &Value) -> Function {
        let places = [&self.globals["Function"], properties];
        let variables = places.into_iter().filter_map(|place| place["Environment"]["Variables"].as_object()).flatten();
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let environment = variables.map(|(name, value)| (name.clone(), text(value))).collect();
        Function { id: id.to_owned(), properties: properties.clone(), environment }
    }
}
