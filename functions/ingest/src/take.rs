//! Taking each kind of input.
//!
//! Promises that one message which cannot be kept does not hold up the others of its batch, and
//! that those for which no time is left come back by name too.

use std::sync::Arc;

use annals_application::commands::{CommandError, CommandHandler, CommandMetadata, TakeError};
use annals_application::log_chain;
use annals_domain::identity::Provider;
use annals_domain::validation_issue::ValidationIssue;
use annals_lambda::telemetry::Count;
use annals_lambda::{Gateway, Invocation, InvocationFailed};
use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use tokio::time::Instant;

use crate::input::{Input, Message, event_of, tell};

/// Whose events come by EventBridge: no other provider is a partner there.
const PROVIDER: Provider = Provider::Salesforce;

/// Takes inputs.
pub(crate) struct Ingest {
    handler: Arc<CommandHandler>,
    gateway: Gateway,
}

impl Ingest {
    /// With that handler; requests go to that gateway.
    pub(crate) fn new(handler: Arc<CommandHandler>, gateway: Gateway) -> Self {
        Self { handler, gateway }
    }

    /// Takes what the function is invoked with.
    pub(crate) async fn take(&self, invocation: Invocation) -> Result<Box<RawValue>, InvocationFailed> {
        match tell(&invocation.payload) {
            Input::Request(request) => self.gateway.answer(*request, invocation.deadline).await,
            Input::Queue(messages) => written(&self.queue(messages, invocation.deadline).await),
            Input::Events => {
                let taken = self.events(invocation.payload.get(), invocation.deadline).await;
                taken.map_err(|error| InvocationFailed(log_chain(&error)))?;
                written(&())
            }
        }
    }

    async fn queue(&self, messages: Vec<Message>, deadline: Instant) -> SqsBatchResponse {
        let mut response = SqsBatchResponse::default();
        for message in messages {
            if Instant::now() >= deadline {
                tracing::error!(message_id = message.id, "there is no time left for a message; it comes again");
            } else if let Err(error) = self.events(event_of(&message.body), deadline).await {
                tracing::error!(message_id = message.id, error = %log_chain(&error), "a message is not kept yet");
            } else {
                continue;
            }
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = message.id;
            response.batch_item_failures.push(failure);
        }
        response
    }

    async fn events(&self, text: &str, deadline: Instant) -> Result<(), CommandError> {
        let metadata = CommandMetadata { deadline: Some(deadline), ..CommandMetadata::default() };
        match self.handler.take_body(PROVIDER, text, metadata).await {
            Ok(_) => Ok(()),
            Err(TakeError::Command(error)) => Err(error),
            // It would be refused each time: it is kept for someone to look at.
            Err(error) => self.keep(text, &error, deadline).await,
        }
    }

    async fn keep(&self, text: &str, error: &TakeError, deadline: Instant) -> Result<(), CommandError> {
        let issue = ValidationIssue::new("", log_chain(error));
        let entry = self.handler.quarantine().keep_by(deadline, PROVIDER, text.as_bytes(), vec![issue]).await?;
        Count::Quarantined.add(1);
        tracing::warn!(quarantine_id = entry.id, outcome = "quarantined", "taken");
        Ok(())
    }
}

fn written(answer: &impl Serialize) -> Result<Box<RawValue>, InvocationFailed> {
    to_raw_value(answer).map_err(|error| InvocationFailed(format!("the answer cannot be written: {error}")))
}
