# `make demo` and `make test` do everything on a fresh machine, set-up included.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.set-up
PAGE := sparkpipe/report/page/frontend
BENCH := .venv-bench
BENCH_INSTALL := $(BIN)/uv pip install --quiet --python $(BENCH)/bin/python
# All but 'connect': two packages bring the same pyspark.
EXTRAS := spark excel sql sql-nodes duckdb lineage pandera matplotlib examples
LOCKS := .ci/bootstrap.lock requirements.lock

# Users' machines write bytecode, so tests do; they are also quicker for it.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: page pictures help demo test test-fast connect matrix lint types layers docs site bench load check lock clean java tune browser

help:  ## Show what there is to make
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(STAMP) java tune  ## Run the flights example on Spark and Delta with ThreadRunner
	$(BIN)/sparkpipe run --runner=ThreadRunner

# Spark starts without it too, only slower.
tune: $(STAMP) java
	@$(BIN)/sparkpipe session tune || true

# Delta's jars are resolved by one start before two may ask for them at once.
test: $(STAMP) java tune browser  ## Run all tests
	@sh .ci/test.sh $(BIN)/python

# One worker more than cores: tests also wait.
test-fast: $(STAMP)  ## Run the tests that need neither Spark nor long
	$(BIN)/python -m pytest -q -n $$(($$(getconf _NPROCESSORS_ONLN) + 1)) --dist worksteal -m "not spark and not slow" --hypothesis-profile=quick

connect: $(STAMP) java  ## Run the Spark tests on a Connect server, with its client alone
	$(BIN)/python .ci/connect_only.py

matrix: $(STAMP) java  ## Run all tests over all versions, and write docs/versions.md
	$(BIN)/python .ci/matrix.py

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(STAMP)
	$(BIN)/mypy

layers: $(STAMP)
	$(BIN)/lint-imports --no-logo

docs: site  ## Build the documentation site, and check its links and every code block
	$(BIN)/python -m pytest -q tests/docs

# Anything that is not sound in a page, a link or a docstring fails it.
site: $(STAMP)  ## Build the documentation site into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# Only who changes the page needs Node. The installer of the bundler has nothing to do here.
page: $(PAGE)/node_modules/.set-up  ## Build the page of a run anew, from its sources
	cd $(PAGE) && npm run --silent build

pictures: $(STAMP) java tune browser  ## Run the flights example, and take the pictures of the docs
	$(BIN)/python -m tests.pictures

$(PAGE)/node_modules/.set-up: $(PAGE)/package-lock.json
	cd $(PAGE) && npm ci --silent --ignore-scripts
	@touch $@

check: lint types layers  ## Check style, types and layers

bench: $(STAMP) $(BENCH)/.set-up java  ## Run the benchmarks
	$(BIN)/python -m tests.benchmarks

load: $(STAMP) java  ## Run the load tests: kills, random pipelines, runs side by side
	$(BIN)/python -m tests.load

# What we are compared with, and what makes data, has an environment of its own; either may be missing.
$(BENCH)/.set-up: $(STAMP) Makefile
	$(PYTHON) -m venv --clear $(BENCH)
	$(BENCH_INSTALL) "tpchgen-cli==4.0.0" || echo "tpchgen-cli cannot be installed: no TPC-H."
	$(BENCH_INSTALL) "kedro==1.7.0" "pyspark==4.2.0" || echo "Kedro cannot be installed: no comparison."
	$(BENCH_INSTALL) "databricks-labs-dqx==0.17.0" || echo "DQX cannot be installed: no comparison."
	@touch $@

# uv itself and what builds packages come first, by pip with hashes; then everything else by uv.
$(STAMP): pyproject.toml $(LOCKS) .ci/python-version.py
	@$(PYTHON) .ci/python-version.py
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .ci/bootstrap.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --no-build-isolation -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-build-isolation --no-deps -e .
	@touch $@

java:
	@sh .ci/java.sh

browser:
	@sh .ci/browser.sh

# Locks name no index, so they hold wherever packages come from.
lock: $(STAMP)  ## Write the lock files anew
	$(BIN)/uv pip compile --quiet --universal --python-version 3.10 --generate-hashes --no-header --group build -o .ci/bootstrap.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.10 --generate-hashes --no-header $(EXTRAS:%=--extra %) --group dev --group build -o requirements.lock pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.10 --generate-hashes --no-header --extra connect --group connect --group build -o .ci/connect.lock pyproject.toml

clean:  ## Remove what was set up and made
	rm -rf $(VENV) $(BENCH) .venv-connect .venv-matrix site data logs spark-warehouse
