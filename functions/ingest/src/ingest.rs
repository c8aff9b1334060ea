//! Ingesting each kind of input.
//!
//! A message that cannot be stored does not hold up the others of its batch. It is returned to the queue, and so are
//! messages for which no time is left.

use std::sync::Arc;

use annals_application::commands::{CommandError, CommandHandler, CommandMetadata, IngestError};
use annals_application::log_chain;
use annals_domain::identity::Provider;
use annals_domain::validation_issue::ValidationIssue;
use annals_lambda::telemetry::Count;
use annals_lambda::{Gateway, Invocation, InvocationFailed};
use aws_lambda_events::sqs::SqsBatchResponse;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use tokio::time::Instant;

use crate::input::{Input, Message, event_of};

/// The provider of all events that come through EventBridge: no other one is an EventBridge partner.
const PROVIDER: Provider = Provider::Salesforce;

pub(crate) struct Ingest {
    handler: Arc<CommandHandler>,
    gateway: Gateway,
}

impl Ingest {
    pub(crate) fn new(handler: Arc<CommandHandler>, gateway: Gateway) -> Self {
        Self { handler, gateway }
    }

    pub(crate) async fn handle(&self, invocation: Invocation) -> Result<Box<RawValue>, InvocationFailed> {
        match Input::of(&invocation.payload) {
            Input::Request(request) => self.gateway.handle(*request, invocation.deadline).await,
            Input::Queue(messages) => to_json(&self.ingest_messages(messages, invocation.deadline).await),
            Input::Events => {
                let result = self.ingest_events(invocation.payload.get(), invocation.deadline).await;
                result.map_err(|error| InvocationFailed(log_chain(&error)))?;
                to_json(&())
            }
        }
    }

    async fn ingest_messages(&self, messages: Vec<Message>, deadline: Instant) -> SqsBatchResponse {
        let mut response = SqsBatchResponse::default();
        for message in messages {
            if Instant::now() >= deadline {
                tracing::error!(message_id = message.id, "deadline reached; message returned to the queue");
            } else if let Err(error) = self.ingest_events(event_of(&message.body), deadline).await {
                tracing::error!(message_id = message.id, error = %log_chain(&error), "message not stored; returned to the queue");
            } else {
                continue;
            }
            response.add_failure(message.id);
        }
        response
    }

    async fn ingest_events(&self, text: &str, deadline: Instant) -> Result<(), CommandError> {
        let metadata = CommandMetadata { deadline: Some(deadline), ..CommandMetadata::default() };
        match self.handler.ingest_body(PROVIDER, text, metadata).await {
            Ok(_) => Ok(()),
            Err(IngestError::Command(error)) => Err(error),
            // It would be refused each time, so somebody has to look at it.
            Err(error) => self.quarantine(text, &error, deadline).await,
        }
    }

    async fn quarantine(&self, text: &str, error: &IngestError, deadline: Instant) -> Result<(), CommandError> {
        let issue = ValidationIssue::new("", log_chain(error));
        let entry = self.handler.quarantine().keep_by(deadline, PROVIDER, text.as_bytes(), vec![issue]).await?;
        Count::Quarantined.add(1);
        tracing::warn!(quarantine_id = entry.id, outcome = "quarantined", "ingested");
        Ok(())
    }
}

fn to_json(response: &impl Serialize) -> Result<Box<RawValue>, InvocationFailed> {
    to_raw_value(response).map_err(|error| InvocationFailed::unwritable(&error))
}
