//! Credentials in a cache, until shortly before they expire.
//!
//! The signer asks for credentials before every call; the cache asks their source once in their lifetime.
//! Credentials without an expiry are not cached: their source caches them itself.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_types::sdk_config::SharedTimeSource;
use tokio::sync::Mutex;

/// How long before their expiry credentials are renewed.
const RENEWAL_MARGIN: Duration = Duration::from_secs(60);

/// A source of credentials, with its newest credentials.
#[derive(Debug)]
pub(crate) struct CachedCredentials {
    source: SharedCredentialsProvider,
    clock: SharedTimeSource,
    cached: Mutex<Option<Credentials>>,
}

impl CachedCredentials {
    pub(crate) fn shared(source: SharedCredentialsProvider, clock: SharedTimeSource) -> SharedCredentialsProvider {
        SharedCredentialsProvider::new(Self { source, clock, cached: Mutex::new(None) })
    }

    async fn current(&self) -> aws_credential_types::provider::Result {
        let mut cached = self.cached.lock().await;
        let now: SystemTime = self.clock.now();
        let is_valid = |credentials: &&Credentials| credentials.expiry().is_some_and(|end| now + RENEWAL_MARGIN < end);
        if let Some(credentials) = cached.as_ref().filter(is_valid) {
            return Ok(credentials.clone());
        }
        let fresh = self.source.provide_credentials().await?;
        *cached = Some(fresh.clone());
        Ok(fresh)
    }
}

impl ProvideCredentials for CachedCredentials {
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

    /// A source of credentials that last an hour; it counts its calls.
    #[derive(Debug)]
    struct CountingSource(Arc<AtomicU64>, SharedTimeSource);

    impl ProvideCredentials for CountingSource {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            let count = self.0.fetch_add(1, Ordering::Relaxed);
            let end = self.1.now() + Duration::from_secs(3600);
            future::ProvideCredentials::ready(Ok(Credentials::new(format!("key{count}"), "s", None, Some(end), "t")))
        }
    }

    /// A clock that the test sets.
    #[derive(Debug, Clone, Default)]
    struct TestClock(Arc<AtomicU64>);

    impl aws_smithy_async::time::TimeSource for TestClock {
        fn now(&self) -> SystemTime {
            SystemTime::UNIX_EPOCH + Duration::from_secs(self.0.load(Ordering::Relaxed))
        }
    }

    #[tokio::test]
    async fn credentials_are_renewed_shortly_before_they_expire() {
        let (count, clock) = (Arc::new(AtomicU64::new(0)), TestClock::default());
        let time = SharedTimeSource::new(clock.clone());
        let source = SharedCredentialsProvider::new(CountingSource(Arc::clone(&count), time.clone()));
        let cache = CachedCredentials::shared(source, time);
        for (second, calls) in [(0, 1), (1, 1), (3_500, 1), (3_541, 2), (3_542, 2)] {
            clock.0.store(second, Ordering::Relaxed);
            let credentials = cache.provide_credentials().await.expect("the source has credentials");
            assert_eq!(count.load(Ordering::Relaxed), calls, "at second {second}");
            assert_eq!(credentials.access_key_id(), format!("key{}", calls - 1));
        }
    }
}
