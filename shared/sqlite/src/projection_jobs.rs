//! Projection jobs in the log: one debug line for each.

use annals_application::ports::{JobReport, ProjectionJobs};
use async_trait::async_trait;

/// Logs the outcome of every projection job at debug level.
#[derive(Debug, Clone, Copy, Default)]
pub struct TracedJobs;

#[async_trait]
impl ProjectionJobs for TracedJobs {
    async fn record(&self, reports: &[JobReport]) {
        for JobReport { job, outcome } in reports {
            tracing::debug!(
                job.id = %job.job_id,
                stream.key = %job.key,
                projection = job.projection,
                from_version = job.from_version.get(),
                to_version = job.to_version.get(),
                ?outcome,
                "projected"
            );
        }
    }
}
