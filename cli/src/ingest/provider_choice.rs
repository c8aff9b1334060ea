//! Whose events inputs are.

use annals_domain::identity::Provider;
use annals_domain::provider_adapter::{Intake, ProviderAdapters};

use crate::exit::Failure;

/// How an input's provider is told.
#[derive(Debug, Clone)]
pub(crate) enum ProviderChoice {
    /// It is said, or there is only one.
    Always(Provider),
    /// By the first adapter that knows the input's form.
    ByForm(ProviderAdapters),
}

impl ProviderChoice {
    /// As asked for; the provider has to be one whose events are taken.
    pub(crate) fn new(asked: Option<Provider>, adapters: &ProviderAdapters) -> Result<Self, Failure> {
        let providers: Vec<Provider> = adapters.iter().map(|adapter| adapter.provider()).collect();
        match (asked, providers.as_slice()) {
            (Some(asked), known) if known.contains(&asked) => Ok(Self::Always(asked)),
            (Some(asked), known) => {
                let names: Vec<&str> = known.iter().map(|provider| provider.as_str()).collect();
                let message = format!("no {asked} events are taken here");
                Err(Failure::wrong_use(message).hint(format!("{} would fit", names.join(" or "))))
            }
            // One adapter would be asked in vain: whatever it says, it is its input.
            (None, [only]) => Ok(Self::Always(*only)),
            (None, _) => Ok(Self::ByForm(adapters.clone())),
        }
    }

    /// Whose that input is.
    pub(super) fn of(&self, input: &str) -> Provider {
        match self {
            Self::Always(provider) => *provider,
            Self::ByForm(adapters) => {
                let knows = |form: &Intake| !matches!(form, Intake::Unrecognised(_));
                let found = adapters.iter().find(|adapter| knows(&adapter.read_input(input)));
                found.map_or_else(|| self.of_none(), |adapter| adapter.provider())
            }
        }
    }

    /// Whose an input is that nobody can read.
    pub(super) fn of_none(&self) -> Provider {
        match self {
            Self::Always(provider) => *provider,
            Self::ByForm(_) => Provider::Salesforce,
        }
    }
}
