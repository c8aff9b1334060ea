//! Arguments that do not go together.
//!
//! A typed argument that would have no effect is refused. An environment variable is not: it may be set for other
//! commands.

use clap::ArgMatches;
use clap::parser::ValueSource;

use super::{Arguments, Command, Target};
use crate::exit::Failure;

/// Arguments without effect on AWS, by name, and why.
const LOCAL_ONLY: [(&str, &str); 3] = [
    ("db", "`--db` names a database on this machine, and `--target aws` uses none"),
    ("entities", "`--entities`: on AWS the definitions are those built into the functions"),
    ("publish", "`--publish`: on AWS the projection function publishes the changes"),
];

/// Arguments with an effect on AWS only.
const AWS_ONLY: [(&str, &str); 8] = [
    ("events_table", "--events-table"),
    ("state_table", "--state-table"),
    ("opensearch", "--opensearch"),
    ("index_prefix", "--index-prefix"),
    ("detach", "--detach"),
    ("known_after", "--known-after"),
    ("abandon", "--abandon"),
    ("leave_out_failed", "--leave-out-failed"),
];

pub(super) fn check(arguments: &Arguments, matches: &ArgMatches) -> Result<(), Failure> {
    let typed = typed(matches);
    let is_typed = |name: &str| typed.iter().any(|typed| typed == name);
    match arguments.shared.on_aws.target {
        Target::Local => {
            let found = AWS_ONLY.into_iter().find(|(name, _)| is_typed(name));
            found.map_or(Ok(()), |(_, flag)| {
                let failure = Failure::usage(format!("`{flag}` is for an installation on AWS only"));
                Err(failure.hint("use it with `--target aws`"))
            })
        }
        Target::Aws if matches!(arguments.command, Command::Serve(_)) => {
            let message = "`serve` serves a database on this machine; on AWS the functions serve the HTTP API";
            Err(Failure::usage(message).hint("use `serve --target local`, or query AWS with `annals get --target aws`"))
        }
        Target::Aws => {
            let found = LOCAL_ONLY.into_iter().find(|(name, _)| is_typed(name));
            found.map_or(Ok(()), |(_, message)| Err(Failure::usage(message)))
        }
    }
}

/// The names of the typed arguments. Global ones are found in the innermost subcommand, wherever they were typed.
fn typed(matches: &ArgMatches) -> Vec<String> {
    let mut innermost = matches;
    while let Some((_, inner)) = innermost.subcommand() {
        innermost = inner;
    }
    let is_typed = |name: &&str| innermost.value_source(name) == Some(ValueSource::CommandLine);
    innermost.ids().map(clap::Id::as_str).filter(is_typed).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(words: &str, refused: Option<&str>) {
        let words = ["annals"].into_iter().chain(words.split(' ')).map(str::to_owned);
        let read = Arguments::read(words).map(drop).map_err(|failure| failure.message().to_owned());
        assert_eq!(read.err().as_deref(), refused);
    }

    #[test]
    fn a_typed_argument_without_effect_is_refused() {
        check("--db x --target aws get client 1", Some(LOCAL_ONLY[0].1));
        check("get client 1 --target aws --db x", Some(LOCAL_ONLY[0].1));
        check("rebuild --target aws --entities x", Some(LOCAL_ONLY[1].1));
        check("quarantine redrive 1234 --target aws --publish none", Some(LOCAL_ONLY[2].1));
        check("list clients --events-table x", Some("`--events-table` is for an installation on AWS only"));
        check("rebuild --detach", Some("`--detach` is for an installation on AWS only"));
        check("rebuild --abandon", Some("`--abandon` is for an installation on AWS only"));
        check("rebuild --leave-out-failed", Some("`--leave-out-failed` is for an installation on AWS only"));
        check("rebuild --known-after 0", Some("`--known-after` is for an installation on AWS only"));
        check("rebuild --target aws --detach", None);
        check("rebuild --target aws --abandon", None);
        check("ingest --target aws --events-table x in.json", None);
        check("ingest in.json --db x --publish none", None);
    }

    #[test]
    fn serving_from_aws_is_refused() {
        let message = "`serve` serves a database on this machine; on AWS the functions serve the HTTP API";
        check("serve --target aws", Some(message));
    }
}
