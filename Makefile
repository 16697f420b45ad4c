# Each target sets itself up on a machine that has only Python.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# One process per core, one thread each: torch's own threads would only get into each other's way.
TESTS := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile --max-worker-restart 0

.PHONY: demo test check faults audit format schema golden clean

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt "torch==$$(sed -n 's/^torch==//p' constraints.txt)"
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

demo: $(STAMP)  ## diagnose the bundled deep sigmoid network on the bundled digits
	$(BIN)/gradcheck diagnose sample_models/deep_sigmoid.py --output yaml:gradcheck-report.yaml --fail-on never
	@$(BIN)/python -c "from gradcheck_cli.records.yamlfile import read; r = read('gradcheck-report.yaml'); print('gradcheck-report.yaml reads back:', r.verdict, [f.name for f in r.findings])"

test: $(STAMP)  ## all tests
	$(TESTS) -m 'not heavy'

check: $(STAMP) audit  ## format, lint, types, known vulnerabilities, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(TESTS) -m 'not heavy'

audit: $(STAMP)  ## known vulnerabilities in what is installed; without a network it says so
	$(BIN)/python -m benchmarks.audit

faults: $(STAMP)  ## break everything around a run, and count what survives
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.faults

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

schema: $(STAMP)  ## publish the JSON Schemas of the report and of the config
	$(BIN)/gradcheck schema report > docs/report.schema.json
	$(BIN)/gradcheck schema config > docs/config.schema.json

golden: $(STAMP)  ## accept what the renderers print now
	$(BIN)/python -m pytest -q tests/renderers tests/test_comparing.py -m "not heavy" --overwrite

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache
