//! Credentials that are asked for once and kept until they run out.
//!
//! Promises one request to their source in their life time, where the signer of the transport asks
//! before every call. Without an end they are asked for each time: their source keeps them itself.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_types::sdk_config::SharedTimeSource;
use tokio::sync::Mutex;

/// How long before their end they are renewed.
const MARGIN: Duration = Duration::from_secs(60);

/// A source of credentials, and what it gave last.
#[derive(Debug)]
pub(crate) struct KeptCredentials {
    source: SharedCredentialsProvider,
    clock: SharedTimeSource,
    kept: Mutex<Option<Credentials>>,
}

impl KeptCredentials {
    /// Those of `source`, kept.
    pub(crate) fn shared(source: SharedCredentialsProvider, clock: SharedTimeSource) -> SharedCredentialsProvider {
        SharedCredentialsProvider::new(Self { source, clock, kept: Mutex::new(None) })
    }

    async fn current(&self) -> aws_credential_types::provider::Result {
        let mut kept = self.kept.lock().await;
        let now: SystemTime = self.clock.now();
        let lasts = |credentials: &&Credentials| credentials.expiry().is_some_and(|end| now + MARGIN < end);
        if let Some(credentials) = kept.as_ref().filter(lasts) {
            return Ok(credentials.clone());
        }
        let fresh = self.source.provide_credentials().await?;
        *kept = Some(fresh.clone());
        Ok(fresh)
    }
}

impl ProvideCredentials for KeptCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.current())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// Gives credentials that last an hour by the clock, and counts how often.
    #[derive(Debug)]
    struct Counted(Arc<AtomicU64>, SharedTimeSource);

    impl ProvideCredentials for Counted {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            let count = self.0.fetch_add(1, Ordering::Relaxed);
            let end = self.1.now() + Duration::from_secs(3600);
            future::ProvideCredentials::ready(Ok(Credentials::new(format!("key{count}"), "s", None, Some(end), "t")))
        }
    }

    /// A clock that a test moves.
    #[derive(Debug, Clone, Default)]
    struct Moved(Arc<AtomicU64>);

    impl aws_smithy_async::time::TimeSource for Moved {
        fn now(&self) -> SystemTime {
            SystemTime::UNIX_EPOCH + Duration::from_secs(self.0.load(Ordering::Relaxed))
        }
    }

    #[tokio::test]
    async fn credentials_are_asked_for_again_shortly_before_they_end() {
        let (count, clock) = (Arc::new(AtomicU64::new(0)), Moved::default());
        let time = SharedTimeSource::new(clock.clone());
        let source = SharedCredentialsProvider::new(Counted(Arc::clone(&count), time.clone()));
        let kept = KeptCredentials::shared(source, time);
        for (second, asked) in [(0, 1), (1, 1), (3_500, 1), (3_541, 2), (3_542, 2)] {
            clock.0.store(second, Ordering::Relaxed);
            let credentials = kept.provide_credentials().await.expect("the source gives some");
            assert_eq!(count.load(Ordering::Relaxed), asked, "at second {second}");
            assert_eq!(credentials.access_key_id(), format!("key{}", asked - 1));
        }
    }
}
