//! Which provider an input is from.

use annals_domain::identity::Provider;
use annals_domain::provider_adapter::{ParsedInput, ProviderAdapters};

use crate::exit::Failure;

#[derive(Debug, Clone)]
pub(crate) enum ProviderChoice {
    /// It was named, or there is only one.
    Fixed(Provider),
    /// The first adapter that recognises the input decides.
    Detected(ProviderAdapters),
}

impl ProviderChoice {
    /// Fails if no adapter is available for the requested provider.
    pub(crate) fn new(requested: Option<Provider>, adapters: &ProviderAdapters) -> Result<Self, Failure> {
        let providers: Vec<Provider> = adapters.iter().map(|adapter| adapter.provider()).collect();
        match (requested, providers.as_slice()) {
            (Some(requested), known) if known.contains(&requested) => Ok(Self::Fixed(requested)),
            (Some(requested), known) => {
                let names: Vec<&str> = known.iter().map(|provider| provider.as_str()).collect();
                let message = format!("{requested} events are not supported yet");
                Err(Failure::usage(message).hint(format!("use {}", names.join(" or "))))
            }
            // With one adapter detection would change nothing.
            (None, [only]) => Ok(Self::Fixed(*only)),
            (None, _) => Ok(Self::Detected(adapters.clone())),
        }
    }

    pub(super) fn of(&self, input: &str) -> Provider {
        match self {
            Self::Fixed(provider) => *provider,
            Self::Detected(adapters) => {
                let recognises = |input: &ParsedInput| !matches!(input, ParsedInput::Unrecognised(_));
                let found = adapters.iter().find(|adapter| recognises(&adapter.read_input(input)));
                found.map_or_else(|| self.fallback(), |adapter| adapter.provider())
            }
        }
    }

    /// The provider of an input that no adapter recognises.
    pub(super) fn fallback(&self) -> Provider {
        match self {
            Self::Fixed(provider) => *provider,
            Self::Detected(_) => Provider::Salesforce,
        }
    }
}
