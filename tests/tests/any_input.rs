//! Arbitrary input: every input gets a response, refused input is kept byte for byte, and nothing panics.

use annals_application::commands::{CommandMetadata, IngestError, Outcome};
use annals_domain::identity::Provider;
use annals_tests::process::TestProcess;
use annals_tests::random::Random;
use annals_tests::samples::sample_events;

/// The number of damaged inputs.
const INPUTS: usize = 2_000;

/// Damages a text as transports and people do.
fn damaged(text: &str, random: &mut Random) -> String {
    const PIECES: [&str; 12] = [
        "null",
        "{}",
        "[]",
        "\"\"",
        "-1",
        "1e999",
        "NaN",
        "true",
        "\u{0}",
        "\"\\ud800\"",
        ",",
        "{\"ChangeEventHeader\":1}",
    ];
    let mut chars: Vec<char> = text.chars().collect();
    match random.below(5) {
        0 => chars.truncate(random.below(chars.len())),
        1 => {
            let at = random.below(chars.len());
            chars.remove(at);
        }
        2 => {
            let (from, at) = (random.below(chars.len()), random.below(chars.len()));
            let to = (from + 1 + random.below(80)).min(chars.len());
            let copied: Vec<char> = chars[from..to].to_vec();
            chars.splice(at..at, copied);
        }
        _ => {
            // Replaces a value, from its colon to the end of its line.
            let colons: Vec<usize> = (0..chars.len()).filter(|at| chars[*at] == ':').collect();
            let start = random.pick(&colons) + 1;
            let end = (start..chars.len()).find(|at| matches!(chars[*at], ',' | '\n')).unwrap_or(chars.len());
            chars.splice(start..end, random.pick(&PIECES).chars());
        }
    }
    chars.into_iter().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_damaged_input_gets_a_response_and_is_kept_if_it_is_refused() {
    let test = TestProcess::new().await;
    let (samples, mut random) = (sample_events(), Random::new(2026));
    let mut quarantined = 0;
    for _ in 0..INPUTS {
        let sample = &samples[random.below(samples.len())];
        let text = damaged(&sample.text, &mut random);
        let ingested = test.process.handler.ingest_body(Provider::Salesforce, &text, CommandMetadata::default()).await;
        let ingested = match ingested {
            Ok(ingested) => ingested,
            Err(IngestError::NotJson(fault)) => {
                assert!(serde_json::from_str::<&serde_json::value::RawValue>(&text).is_err(), "{fault}: {text}");
                continue;
            }
            Err(error) => panic!("{error}: {text}"),
        };
        for read in &ingested.results {
            assert_eq!(read.outcome == Outcome::Quarantined, !read.errors.is_empty(), "{read:?}");
            let Some(id) = &read.quarantine_id else { continue };
            quarantined += 1;
            let quarantine = test.process.handler.quarantine();
            let entry = quarantine.get(id).await.expect("the entry exists");
            let body = String::from_utf8(quarantine.body(&entry, usize::MAX).await.unwrap()).unwrap();
            assert!(text.contains(&body), "{body}\nis not of\n{text}");
        }
    }
    assert!(quarantined > INPUTS / 20, "only {quarantined} were quarantined");
}
