//! OpenSearch: whether it can be reached, is new enough and can be written to, whether each index matches its
//! definition, and how far projection and a rebuild are.
//!
//! The lag of the projection is what its functions reported. Whether the event source mapping of the stream
//! exists shows only when something is projected.

use std::sync::Arc;

use annals_application::log_chain;
use annals_application::ports::PortError;
use annals_application::queries::Health;
use annals_aws::read_model::{Cluster, ClusterStatus, Endpoint, IndexIssue, IndexProblem, OpenSearch};
use annals_aws::rebuild::{RebuildError, RebuildSettings, Rebuilder};
use annals_domain::definition::EntitySchema;
use annals_http::QueryApi;
use annals_lambda::Search;
use annals_lambda::settings::SearchSettings;

use crate::aws::Aws;
use crate::doctor::Check;

/// The oldest version that the project is tested with.
const OLDEST: (u32, u32) = (2, 19);

pub(super) async fn checks(aws: &Aws, settings: &SearchSettings) -> Vec<Check> {
    let name = match &settings.endpoint {
        Endpoint::Url(url) => format!("OpenSearch: {url}"),
        Endpoint::Domain(name) => format!("OpenSearch: domain `{name}`"),
    };
    let connected = match Search::connect(&aws.config, settings).await {
        Ok(search) => search,
        Err(error) => return vec![unreachable(name, &error)],
    };
    let search = connected.connection();
    let cluster = match search.cluster().await {
        Ok(cluster) => cluster,
        Err(error) => return vec![unreachable(name, &error)],
    };
    let mut checks = vec![version(name, &cluster), health(cluster.status), writing(&search).await];
    // If they cannot be read, the checks of the state table say so.
    let noted = aws.installation.state.objects.registered().await.unwrap_or_default();
    let with_records: Vec<EntitySchema> =
        noted.into_iter().map(|(provider, object)| aws.installation.catalog.schema(provider, &object)).collect();
    for schema in schemas(aws, &with_records) {
        checks.push(index(&search, &schema, with_records.contains(&schema)).await);
    }
    checks.push(rebuild(&connected.rebuilder(&aws.installation, RebuildSettings::default())).await);
    checks.push(projection(&aws.installation.query_api(&connected.reading())).await);
    checks
}

async fn writing(search: &OpenSearch) -> Check {
    let name = "OpenSearch: writing";
    let remedy = "the access policy of the domain has to allow the functions' roles, and this one for `annals rebuild`";
    match search.writer().check_access().await {
        Ok(()) => Check::ok(name, "this role may write"),
        Err(error) => Check::warning(name, log_chain(&error), remedy),
    }
}

fn unreachable(name: String, error: &PortError) -> Check {
    let remedy = "check --opensearch, and that the access policy and the network of the domain allow this role on this \
                  machine";
    Check::wrong(name, log_chain(error), remedy)
}

fn version(name: String, cluster: &Cluster) -> Check {
    let Cluster { distribution, version, .. } = cluster;
    let found = format!("{distribution} {version}");
    let (major, minor) = OLDEST;
    if distribution != "opensearch" {
        return Check::wrong(name, found, format!("use OpenSearch {major}.{minor} or later"));
    }
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().unwrap_or(0));
    let number = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if number < OLDEST {
        return Check::wrong(name, found, format!("upgrade it to {major}.{minor} or later"));
    }
    Check::ok(name, found)
}

fn health(status: ClusterStatus) -> Check {
    let name = "OpenSearch: health";
    match status {
        ClusterStatus::Green => Check::ok(name, "green"),
        ClusterStatus::Yellow => Check::warning(
            name,
            "yellow: some replicas are not assigned to a node",
            "add a node for them; with a single node this is normal",
        ),
        ClusterStatus::Red => Check::wrong(
            name,
            "red: some entities cannot be read or written",
            "check the nodes and disks of the domain; `annals rebuild` restores lost documents from the events",
        ),
    }
}

/// The schemas of all definitions, and of the objects without a definition that have records.
fn schemas(aws: &Aws, with_records: &[EntitySchema]) -> Vec<EntitySchema> {
    let definitions = aws.installation.catalog.definitions().iter();
    let mut schemas: Vec<EntitySchema> =
        definitions.map(|definition| EntitySchema::Defined(Arc::clone(definition))).collect();
    for open in with_records.iter().filter(|schema| schema.definition().is_none()) {
        // Two CRMs may each have an object of this name; they share an index.
        if !schemas.contains(open) {
            schemas.push(open.clone());
        }
    }
    schemas
}

async fn index(search: &OpenSearch, schema: &EntitySchema, has_records: bool) -> Check {
    let name = format!("index of {}", schema.aggregate_type());
    match search.indices().check(std::slice::from_ref(schema)).await {
        Ok(issues) => match issues.into_iter().next() {
            None => Check::ok(name, "it matches its definition"),
            Some(issue) => mismatch(name, issue, has_records),
        },
        Err(error) => {
            Check::wrong(name, log_chain(&error), "the access policy of the domain has to allow this role to read it")
        }
    }
}

fn mismatch(name: String, issue: IndexIssue, has_records: bool) -> Check {
    let rebuild = format!("`annals rebuild {} --target aws` creates one that matches", issue.aggregate_type);
    let alias = issue.alias;
    match issue.problem {
        IndexProblem::Missing if has_records => {
            Check::warning(name, format!("`{alias}` does not exist, though there are records for it"), rebuild)
        }
        IndexProblem::Missing => {
            Check::ok(name, format!("`{alias}` does not exist yet; the first document creates it"))
        }
        IndexProblem::OtherDefinition { index, missing } if missing.is_empty() => {
            Check::warning(name, format!("`{index}` was created from another definition"), rebuild)
        }
        IndexProblem::OtherDefinition { index, missing } => {
            let missing = missing.join(", ");
            let found = format!("`{index}` was created from another definition and lacks the fields {missing}");
            Check::wrong(name, found, rebuild)
        }
        IndexProblem::OlderLayout { index, layout } => {
            let found = format!("`{index}` has layout {layout} of an earlier release; lists newest first may be slow");
            Check::warning(name, found, rebuild)
        }
        IndexProblem::IncompleteDocuments { index, documents } => {
            let found = format!("an earlier release wrote {documents} documents of `{index}`; lists may be slow");
            Check::warning(name, found, rebuild)
        }
        IndexProblem::NewerLayout { index, layout } => {
            let remedy = "use that release; to stay with this one, rebuild with it";
            Check::wrong(name, format!("`{index}` has layout {layout} of a later release"), remedy)
        }
        IndexProblem::Foreign(reason) => {
            let remedy = "rename or remove it, or set another --index-prefix";
            Check::wrong(name, format!("`{alias}` was not created by Annals: {reason}"), remedy)
        }
    }
}

/// How far the projection is behind, and whether an outage delays it.
async fn projection(api: &QueryApi) -> Check {
    let name = "projection";
    let report = api.health.check().await;
    let Some(projection) = report.dependencies.iter().find(|dependency| dependency.name == name) else {
        return Check::unknown(name, "not reported");
    };
    let detail = &projection.detail;
    match (projection.status, report.lag_ms) {
        (Health::Ok, Some(lag)) => Check::ok(name, format!("{detail}; {lag} ms behind")),
        (Health::Ok, None) => {
            let remedy = "if changes were ingested, check the event source mapping of the stream";
            Check { remedy: Some(remedy.to_owned()), ..Check::unknown(name, detail) }
        }
        (Health::Degraded, _) => {
            Check::warning(name, detail, "the log of the projection function names the resource that fails")
        }
    }
}

async fn rebuild(rebuilder: &Rebuilder) -> Check {
    let name = "rebuild";
    let remedy = "use the release that started it, or give it up with `annals rebuild --abandon --target aws`";
    match rebuilder.unfinished().await {
        Ok(None) => Check::ok(name, "none in progress"),
        Ok(Some(plan)) => {
            let types: Vec<&str> = plan.targets.iter().map(|target| target.aggregate_type.as_str()).collect();
            Check::ok(name, format!("of {}, {} records so far", types.join(", "), plan.counts.streams))
        }
        Err(RebuildError::Port(error)) if error.is_retryable() => Check::unknown(name, log_chain(&error)),
        Err(error) => Check::wrong(name, log_chain(&error), remedy),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[track_caller]
    fn check(distribution: &str, number: &str, verdict: Verdict) {
        let cluster =
            Cluster { distribution: distribution.to_owned(), version: number.to_owned(), status: ClusterStatus::Green };
        assert_eq!(version("x".to_owned(), &cluster).verdict, verdict, "{distribution} {number}");
    }

    #[test]
    fn opensearch_is_supported_from_the_oldest_tested_version() {
        check("opensearch", "2.19.3", Verdict::Ok);
        check("opensearch", "3.0.0", Verdict::Ok);
        check("opensearch", "2.9.0", Verdict::Wrong);
        check("opensearch", "1.20.0", Verdict::Wrong);
        check("unknown", "8.1.0", Verdict::Wrong);
    }

    #[test]
    fn a_mismatch_names_the_index_and_the_command_that_creates_a_matching_one() {
        let issue = |problem| IndexIssue { alias: "a".to_owned(), aggregate_type: "deal".to_owned(), problem };
        let of = |missing: &[&str]| {
            let missing = missing.iter().map(|path| (*path).to_owned()).collect();
            mismatch("x".to_owned(), issue(IndexProblem::OtherDefinition { index: "i".to_owned(), missing }), true)
        };
        assert_eq!((of(&[]).verdict, of(&["text.a"]).verdict), (Verdict::Warning, Verdict::Wrong));
        assert_eq!(
            of(&["text.a"]).remedy.as_deref(),
            Some("`annals rebuild deal --target aws` creates one that matches")
        );
        assert_eq!(mismatch("x".to_owned(), issue(IndexProblem::Missing), false).verdict, Verdict::Ok);
        assert_eq!(mismatch("x".to_owned(), issue(IndexProblem::Missing), true).verdict, Verdict::Warning);
        assert_eq!(
            mismatch("x".to_owned(), issue(IndexProblem::Foreign("r".to_owned())), true).verdict,
            Verdict::Wrong
        );
    }
}
