#!/bin/sh
# Measures what a newcomer waits for: builds the command as the README says, from nothing, into a temporary folder.
# With --empty-cargo-home the crates are downloaded too. Time and processor time are of the build alone.
set -eu
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export CARGO_TARGET_DIR="$folder/target"
if [ "${1:-}" = "--empty-cargo-home" ]; then
    # rustup's cargo is found through the old home.
    PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
    export CARGO_HOME="$folder/cargo"
fi
begin=$(date +%s)
cargo build --release --locked 2>&1 | tee "$folder/log" | grep -v Downloaded
end=$(date +%s)
# The second line of `times` is the processor time of the children, user then system.
used=$(times | tail -n 1)
"$CARGO_TARGET_DIR/release/annals" --version
echo "crates          $(grep -c Compiling "$folder/log")"
echo "time            $((end - begin)) s on $(nproc) processors"
echo "processor time  $used (user, system)"
echo "binary          $(($(stat -c %s "$CARGO_TARGET_DIR/release/annals") / 1024 / 1024)) MB"
