//! What the server accepts, and how it behaves.

/// The calls, jobs and bytes of a day: how many are used, and how many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiQuotas {
    pub calls_used: u64,
    pub calls: u64,
    pub bulk_jobs_used: u64,
    pub bulk_jobs: u64,
    pub bulk_megabytes_used: u64,
    pub bulk_megabytes: u64,
}

impl Default for ApiQuotas {
    fn default() -> Self {
        Self {
            calls_used: 0,
            calls: 100_000,
            bulk_jobs_used: 0,
            bulk_jobs: 10_000,
            bulk_megabytes_used: 0,
            bulk_megabytes: 1_048_576,
        }
    }
}

#[derive(Debug, Clone)]
pub struct FakeSettings {
    pub client_id: String,
    pub client_secret: String,
    /// The user that a JWT may stand for.
    pub username: String,
    /// The key of the app's certificate, in PKCS #1 DER; `None` refuses every JWT.
    pub public_key: Option<Vec<u8>>,
    pub versions: Vec<String>,
    pub quotas: ApiQuotas,
    /// The most records of one response to a query.
    pub batch_size: usize,
    /// How often a bulk job says that it is in progress before it is complete.
    pub bulk_polls: u32,
    /// The most records of one page of bulk results.
    pub bulk_page_size: usize,
}

impl Default for FakeSettings {
    fn default() -> Self {
        Self {
            client_id: "3MVG9fakeConsumerKey".to_owned(),
            client_secret: "fake-consumer-secret".to_owned(),
            username: "integration@annals.example".to_owned(),
            public_key: None,
            versions: ["60.0", "61.0", "62.0", "63.0", "64.0", "65.0", "66.0"].map(str::to_owned).to_vec(),
            quotas: ApiQuotas::default(),
            batch_size: 2_000,
            bulk_polls: 1,
            bulk_page_size: 10_000,
        }
    }
}
