//! Whose events inputs are.

use annals_domain::dialect::{Dialects, Intake};
use annals_domain::identity::Provider;

use crate::exit::Failure;

/// How an input's provider is told.
#[derive(Debug, Clone)]
pub(crate) enum ProviderChoice {
    /// It is said, or there is only one.
    Always(Provider),
    /// By the first dialect that knows the input's form.
    ByForm(Dialects),
}

impl ProviderChoice {
    /// As asked for; the provider has to be one whose events are taken.
    pub(crate) fn new(asked: Option<Provider>, dialects: &Dialects) -> Result<Self, Failure> {
        let providers: Vec<Provider> = dialects.iter().map(|dialect| dialect.provider()).collect();
        match (asked, providers.as_slice()) {
            (Some(asked), known) if known.contains(&asked) => Ok(Self::Always(asked)),
            (Some(asked), known) => {
                let names: Vec<&str> = known.iter().map(|provider| provider.as_str()).collect();
                let message = format!("no {asked} events are taken here");
                Err(Failure::wrong_use(message).hint(format!("{} would fit", names.join(" or "))))
            }
            // One dialect would be asked in vain: whatever it says, it is its input.
            (None, [only]) => Ok(Self::Always(*only)),
            (None, _) => Ok(Self::ByForm(dialects.clone())),
        }
    }

    /// Whose that input is.
    pub(super) fn of(&self, input: &str) -> Provider {
        match self {
            Self::Always(provider) => *provider,
            Self::ByForm(dialects) => {
                let knows = |form: &Intake| !matches!(form, Intake::Unrecognised(_));
                let found = dialects.iter().find(|dialect| knows(&dialect.read_input(input)));
                found.map_or_else(|| self.of_none(), |dialect| dialect.provider())
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
