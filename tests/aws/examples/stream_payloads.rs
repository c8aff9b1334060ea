//! Writes the sample payloads with stream records again, after a change of their form or of the ingest
//! payloads: `cargo run -p annals-aws-tests --example stream_payloads`.

use annals_aws_tests::template::{repository, stream_payloads};

#[tokio::main]
async fn main() {
    for (file, batch) in stream_payloads::batches().await {
        let text = serde_json::to_string_pretty(&batch).expect("a batch is JSON") + "\n";
        let path = repository().join("events").join(file);
        std::fs::write(&path, text).unwrap_or_else(|error| panic!("`{}`: {error}", path.display()));
        println!("{file}");
    }
}
