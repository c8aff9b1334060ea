#!/bin/sh
# Measures what a newcomer waits for: builds the command as the README says, from nothing, into a temporary folder.
# With --empty-cargo-home the crates are downloaded too, and the time includes that.
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
cargo build --release --locked 2> "$folder/log" || { cat "$folder/log"; exit 1; }
end=$(date +%s)
# The second line of `times` is the processor time of the children, user then system. In a pipe it would be that of
# another shell.
times > "$folder/times"
used=$(tail -n 1 "$folder/times")
"$CARGO_TARGET_DIR/release/annals" --version
echo "crates          $(grep -c Compiling "$folder/log")"
echo "time            $((end - begin)) s on $(nproc) processors"
echo "processor time  $used (user, system)"
echo "binary          $(($(stat -c %s "$CARGO_TARGET_DIR/release/annals") / 1024 / 1024)) MB"
