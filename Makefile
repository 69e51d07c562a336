# `make run` and `make test` are all one needs; the rest is for those who work on Callgate.
PYTHON ?= python3
BIN := .venv/bin
FUZZ_SECONDS ?= 60
# Most tests wait for a real peer: three at a time keep two cores busy.
TEST_PROCESSES ?= 3
export PYTHON

.PHONY: run setup test test-postgresql check soak fuzz bench docs

run: setup  ## set up, start with the demo agent, place one call to itself, serve
	@exec $(BIN)/callgate serve --demo $(ARGS)

setup:  ## set up only; .venv/bin/callgate then exists
	@scripts/setup.sh run

test:  ## everything that CI runs
	@scripts/setup.sh test
	@scripts/install_test_peers.sh
	@$(MAKE) --no-print-directory check
	$(BIN)/pytest -q -n $(TEST_PROCESSES) --dist loadfile

test-postgresql:  ## the same tests, with every store in PostgreSQL
	@scripts/setup.sh test
	@scripts/install_test_peers.sh
	CALLGATE_TEST_DATABASE=postgresql $(BIN)/pytest -q -n $(TEST_PROCESSES) --dist loadfile

check:  ## what needs no run: style, types, import contracts, generated pages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python scripts/write_docs.py --check

soak:  ## the long runs: a call of a day, a hundred thousand calls over bad networks, many calls, many minutes
	@scripts/setup.sh test
	@scripts/install_test_peers.sh
	CALLGATE_SOAK_HOURS=24 $(BIN)/pytest -q tests/media/conformance/test_long_calls.py
	CALLGATE_SIMULATION_SEEDS=100000 $(BIN)/pytest -q tests/simulation
	$(BIN)/python -m benchmarks.memory

fuzz:  ## every parser of what comes from outside, FUZZ_SECONDS each
	@scripts/setup.sh test
	@scripts/fuzz.sh $(FUZZ_SECONDS)

bench:  ## the figures of the README
	$(BIN)/python -m benchmarks.sip_parse
	$(BIN)/python -m benchmarks.admission
	$(BIN)/python -m benchmarks.demo_brain
	$(BIN)/python -m benchmarks.store_writes
	$(BIN)/python -m benchmarks.replay
	$(BIN)/python -m benchmarks.api
	$(BIN)/python -m benchmarks.refusals
	$(BIN)/python -m benchmarks.complete_calls
	$(BIN)/python -m benchmarks.ring_to_answer
	$(BIN)/python -m benchmarks.garbage
	$(BIN)/python -m benchmarks.media
	$(BIN)/python -m benchmarks.openai_realtime

docs:  ## write the generated pages anew
	$(BIN)/python scripts/write_docs.py
