//! The command for an installation on AWS. DynamoDB Local, OpenSearch and moto stand in for AWS.

mod audit;
mod doctor;
mod entities;
mod installation;
mod rebuild;
