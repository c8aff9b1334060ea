//! The command against an installation on AWS: DynamoDB Local, OpenSearch and moto in its place.

mod doctor;
mod entities;
mod installation;
mod rebuild;
