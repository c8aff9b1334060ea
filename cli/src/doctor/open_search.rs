//! OpenSearch: that it is reached and new enough, that it can be written to, and that each index fits its
//! definition.

use std::sync::Arc;

use annals_application::log_chain;
use annals_application::ports::PortError;
use annals_aws::read_model::{Cluster, ClusterStatus, Endpoint, IndexIssue, IndexProblem, OpenSearchReadModel};
use annals_aws::rebuild::RebuildSettings;
use annals_domain::definition::EntitySchema;
use annals_lambda::Search;
use annals_lambda::settings::SearchSettings;

use super::check::Check;
use super::projection;
use crate::aws::Aws;

/// The oldest version that the project is tested on.
const OLDEST: (u32, u32) = (2, 19);

/// All checks of it.
pub(super) async fn checks(aws: &Aws, settings: &SearchSettings) -> Vec<Check> {
    let on = match &settings.endpoint {
        Endpoint::Url(url) => format!("OpenSearch: {url}"),
        Endpoint::Domain(name) => format!("OpenSearch: domain `{name}`"),
    };
    let connected = match Search::connect(&aws.config, settings).await {
        Ok(search) => search,
        Err(error) => return vec![unreached(on, &error)],
    };
    let search = connected.read_model();
    let cluster = match search.cluster().await {
        Ok(cluster) => cluster,
        Err(error) => return vec![unreached(on, &error)],
    };
    let mut checks = vec![version(on, &cluster), health(cluster.status), writing(&search).await];
    // Where they cannot be read, the state table's own checks say so.
    let noted = aws.installation.state.noted_objects().await.unwrap_or_default();
    let met: Vec<EntitySchema> =
        noted.into_iter().map(|(provider, object)| aws.installation.catalog.schema(provider, &object)).collect();
    for schema in schemas(aws, &met) {
        checks.push(index(&search, &schema, met.contains(&schema)).await);
    }
    checks.push(projection::rebuild(&connected.rebuilder(&aws.installation, RebuildSettings::default())).await);
    checks.push(projection::lag(&aws.installation.query_api(&connected.reading())).await);
    checks
}

async fn writing(search: &OpenSearchReadModel) -> Check {
    let on = "OpenSearch: writing";
    match search.try_write().await {
        Ok(()) => Check::ok(on, "this role may write"),
        Err(error) => Check::warning(
            on,
            log_chain(&error),
            "the domain's access policy has to allow the functions' roles, and this one for `annals rebuild`",
        ),
    }
}

fn unreached(on: String, error: &PortError) -> Check {
    let remedy = "--opensearch names another; the domain's access policy has to allow this role, and its network \
                  this machine";
    Check::wrong(on, log_chain(error), remedy)
}

fn version(on: String, cluster: &Cluster) -> Check {
    let Cluster { distribution, version, .. } = cluster;
    let found = format!("{distribution} {version}");
    let (major, minor) = OLDEST;
    if distribution != "opensearch" {
        return Check::wrong(on, found, format!("OpenSearch {major}.{minor} or later is needed"));
    }
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().unwrap_or(0));
    let number = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if number < OLDEST {
        return Check::wrong(on, found, format!("upgrade it: {major}.{minor} or later is needed"));
    }
    Check::ok(on, found)
}

fn health(status: ClusterStatus) -> Check {
    let on = "OpenSearch: health";
    match status {
        ClusterStatus::Green => Check::ok(on, "green"),
        ClusterStatus::Yellow => Check::warning(
            on,
            "yellow: not every copy has its place",
            "another node would take them; where there is to be one only, nothing is amiss",
        ),
        ClusterStatus::Red => Check::wrong(
            on,
            "red: some entities cannot be read or written",
            "look at the domain's nodes and disks; what is lost there `annals rebuild` makes from the events",
        ),
    }
}

/// The schemas of all definitions, and of the objects without one of which there are records.
fn schemas(aws: &Aws, met: &[EntitySchema]) -> Vec<EntitySchema> {
    let definitions = aws.installation.catalog.definitions().iter();
    let mut schemas: Vec<EntitySchema> =
        definitions.map(|definition| EntitySchema::Defined(Arc::clone(definition))).collect();
    for open in met.iter().filter(|schema| schema.definition().is_none()) {
        // Two CRMs may each have an object of that name; they share an index.
        if !schemas.contains(open) {
            schemas.push(open.clone());
        }
    }
    schemas
}

async fn index(search: &OpenSearchReadModel, schema: &EntitySchema, has_records: bool) -> Check {
    let on = format!("index of {}", schema.aggregate_type());
    match search.check(std::slice::from_ref(schema)).await {
        Ok(issues) => match issues.into_iter().next() {
            None => Check::ok(on, "it fits its definition"),
            Some(issue) => misfit(on, issue, has_records),
        },
        Err(error) => {
            Check::wrong(on, log_chain(&error), "the domain's access policy has to allow this role to read it")
        }
    }
}

fn misfit(on: String, issue: IndexIssue, has_records: bool) -> Check {
    let rebuild = format!("`annals rebuild {} --target aws` makes one that fits", issue.aggregate_type);
    let alias = issue.alias;
    match issue.problem {
        IndexProblem::Missing if has_records => {
            Check::warning(on, format!("`{alias}` is not there, and there are such records"), rebuild)
        }
        IndexProblem::Missing => Check::ok(on, format!("`{alias}` is not there yet; the first document makes it")),
        IndexProblem::OtherDefinition { index, missing } if missing.is_empty() => {
            Check::warning(on, format!("`{index}` was made from another definition"), rebuild)
        }
        IndexProblem::OtherDefinition { index, missing } => {
            let missing = missing.join(", ");
            let found = format!("`{index}` was made from another definition and has no place for {missing}");
            Check::wrong(on, found, rebuild)
        }
        IndexProblem::OtherLayout { index, layout } => {
            Check::wrong(on, format!("`{index}` is of layout {layout}, which is not this release's"), rebuild)
        }
        IndexProblem::Foreign(reason) => {
            let remedy = "give it another name, or set another --index-prefix";
            Check::wrong(on, format!("`{alias}` was not made by Annals: {reason}"), remedy)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::Verdict;
    use super::*;

    #[track_caller]
    fn check(distribution: &str, number: &str, verdict: Verdict) {
        let cluster =
            Cluster { distribution: distribution.to_owned(), version: number.to_owned(), status: ClusterStatus::Green };
        assert_eq!(version("x".to_owned(), &cluster).verdict, verdict, "{distribution} {number}");
    }

    #[test]
    fn an_opensearch_of_the_oldest_tested_version_or_later_is_well() {
        check("opensearch", "2.19.3", Verdict::Ok);
        check("opensearch", "3.0.0", Verdict::Ok);
        check("opensearch", "2.9.0", Verdict::Wrong);
        check("opensearch", "1.20.0", Verdict::Wrong);
        check("unknown", "8.1.0", Verdict::Wrong);
    }

    #[test]
    fn a_misfit_names_the_index_and_what_makes_one_that_fits() {
        let issue = |problem| IndexIssue { alias: "a".to_owned(), aggregate_type: "deal".to_owned(), problem };
        let of = |missing: &[&str]| {
            let missing = missing.iter().map(|path| (*path).to_owned()).collect();
            misfit("x".to_owned(), issue(IndexProblem::OtherDefinition { index: "i".to_owned(), missing }), true)
        };
        assert_eq!((of(&[]).verdict, of(&["text.a"]).verdict), (Verdict::Warning, Verdict::Wrong));
        assert_eq!(of(&["text.a"]).remedy.as_deref(), Some("`annals rebuild deal --target aws` makes one that fits"));
        assert_eq!(misfit("x".to_owned(), issue(IndexProblem::Missing), false).verdict, Verdict::Ok);
        assert_eq!(misfit("x".to_owned(), issue(IndexProblem::Missing), true).verdict, Verdict::Warning);
        assert_eq!(misfit("x".to_owned(), issue(IndexProblem::Foreign("r".to_owned())), true).verdict, Verdict::Wrong);
    }
}
