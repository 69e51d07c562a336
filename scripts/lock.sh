#!/bin/sh
# Write the lock files anew: what a plain install, the demo's speech, a developer's machine, a foreign bot and the fuzzer
# get.
# dev is resolved first and binds the other two, so that the tests run on what users install.
set -eu
cd "$(dirname "$0")/.."
compile() {
  .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
    --no-header --no-annotate --no-emit-index-url --no-emit-find-links pyproject.toml "$@"
}
compile --upgrade --extra demo --extra opus --extra postgresql --extra dev --output-file locks/dev.txt
compile --constraints locks/dev.txt --extra demo --output-file locks/demo.txt
compile --constraints locks/dev.txt --output-file locks/base.txt
.venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-deps \
  --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
  --upgrade locks/pipecat.in --output-file locks/pipecat.txt
.venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-deps \
  --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
  --upgrade locks/fuzz.in --output-file locks/fuzz.txt
