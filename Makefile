# Every target calls the `melpark` command; nothing here has logic of its own.
.DEFAULT_GOAL := help
SHELL := /bin/bash

PYTHON ?= python3
TOOLS := .tools
# uv of the machine, or one of our own.
UV := $(shell command -v uv 2>/dev/null || echo $(TOOLS)/uv/bin/uv)
VENV := .venv
BIN := $(VENV)/bin
LINT_FAILED := $(VENV)/.lint-failed
export UV_PYTHON_DOWNLOADS := never
export UV_SYSTEM_CERTS := true
# Options of `melpark up`, as in: make up ARGS="--source replay --capture DIR --speed 0"
ARGS ?=
# Of `make chaos`: how many faults, and the seed from which they follow.
FAULTS ?= 200
SEED ?= 1
# Progress bars on a terminal, plain lines elsewhere.
QUIET := $(shell [ -t 2 ] || echo --quiet)

.PHONY: help docs reference up airflow quicken down status logs doctor reset test suite lint-beside test-airflow test-live proof chaos lint format bench bench-cdc bench-ingest bench-backfill bench-history bench-gold bench-live bench-page bench-year sbom image image-airflow compose-up wheel terraform-check clean lock

help: ## Show the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

up: $(VENV)/.synced ## Start every engine and show the map; Ctrl-C stops everything (ARGS="--source replay ...")
	@exec $(BIN)/melpark up $(ARGS)

airflow: $(VENV)/.synced $(TOOLS)/airflow/.synced ## Start every engine with Airflow as the scheduler (docs/orchestration.md)
	@exec $(BIN)/melpark up --with airflow $(ARGS)

quicken: $(VENV)/.synced ## Let the engines start sooner, once an environment
	@$(BIN)/melpark quicken

down: $(VENV)/.synced ## Stop the running stack
	@$(BIN)/melpark down

status: $(VENV)/.synced ## Show engines and stages
	@$(BIN)/melpark status

logs: $(VENV)/.synced ## Print the newest lines of the engines' logs
	@$(BIN)/melpark logs $(ARGS)

doctor: $(VENV)/.synced ## Say what is wrong and how to mend it
	@$(BIN)/melpark doctor

reset: $(VENV)/.synced ## Delete all data; asks first
	@$(BIN)/melpark reset

test: ## The test suite, real engines included; without Flink (test-live)
	@rm -f $(LINT_FAILED)
	@$(MAKE) --no-print-directory --jobs 4 lint-beside suite STOP="--stop-when $(LINT_FAILED)"

# By the file the suite knows that it may end.
lint-beside: $(VENV)/.synced-dev
	@MAKEFLAGS= $(MAKE) --no-print-directory lint || { touch $(LINT_FAILED); exit 1; }

# Beside lint, which uses one core; environments are fetched beside each other. Tests that call make are not its jobs.
suite: $(VENV)/.synced-dev $(TOOLS)/databricks/.synced $(TOOLS)/airflow/.synced $(TOOLS)/docs/.synced
	@MAKEFLAGS= $(BIN)/python -m pytest -n 3 $(STOP) --ignore=tests/integration/live

test-live: $(VENV)/.synced-dev ## The windows and alerts of Flink, some minutes (docs/live.md)
	@$(BIN)/python -m pytest tests/integration/live

proof: $(VENV)/.synced-dev $(TOOLS)/airflow/.synced ## What takes too long for `make test`: a restored home goes on, a week of known truth
	@$(BIN)/python -m pytest -rP tests/proof/*.py tests/integration/live

test-airflow: $(VENV)/.synced-dev $(TOOLS)/airflow/.synced ## Airflow and its DAGs against the real stack; part of `make proof`
	@$(BIN)/python -m pytest -rP tests/dags tests/proof/airflow_runs.py

chaos: $(VENV)/.synced-dev ## Kill, pause and restart engines during a replay, then compare (FAULTS=200 SEED=1)
	@PYTHONPATH=tests $(BIN)/python -m chaos.run --faults $(FAULTS) --seed $(SEED) $(ARGS)

lint: $(VENV)/.synced-dev ## Format, lint, types, direction of imports
	@$(BIN)/ruff format --check --quiet . && $(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo > /dev/null || $(BIN)/lint-imports

# Not --quiet: it hides warnings from --strict, too.
docs: $(TOOLS)/docs/.synced ## Build the documents as a site into site/; a warning is an error
	@NO_MKDOCS_2_WARNING=1 $(TOOLS)/docs/bin/mkdocs build --strict

reference: $(VENV)/.synced-dev ## Make docs/reference/ from the code
	@PYTHONPATH=tests $(BIN)/python -m cases.reference

format: $(VENV)/.synced-dev ## Format the code
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

bench: $(VENV)/.synced-dev ## Measure what the README claims
	@PYTHONPATH=tests $(BIN)/python benchmarks/spine.py $(ARGS)

bench-cdc: $(VENV)/.synced-dev ## Measure the way of a change to silver: how many a second, how long, after kills
	@PYTHONPATH=tests $(BIN)/python benchmarks/cdc.py $(ARGS)

bench-ingest: $(VENV)/.synced-dev ## Measure what a poll costs in PostgreSQL
	@PYTHONPATH=tests $(BIN)/python benchmarks/ingest.py $(ARGS)

bench-backfill: $(VENV)/.synced-dev ## Measure the loading of historical files
	@$(BIN)/python benchmarks/backfill.py $(ARGS)

bench-history: $(VENV)/.synced-dev ## Measure how long a fresh home waits for its past
	@PYTHONPATH=tests $(BIN)/python benchmarks/history.py $(ARGS)

bench-live: $(VENV)/.synced-dev ## Measure what is live: commit to page, many readers, the API, restart to ready
	@PYTHONPATH=tests $(BIN)/python benchmarks/live.py $(ARGS)

bench-page: $(VENV)/.synced-dev ## Measure the page's own work: time a frame while panning, first paint
	@PYTHONPATH=tests $(BIN)/python benchmarks/page.py $(ARGS)

bench-gold: $(VENV)/.synced-dev ## Measure what a refresh of gold costs with a month and a year behind it
	@PYTHONPATH=tests $(BIN)/python benchmarks/gold.py $(ARGS)

bench-year: $(VENV)/.synced-dev ## Measure how long the simulator takes to write a year
	@$(BIN)/python benchmarks/year.py $(ARGS)

image: ## Build the image of every part
	docker build --target melpark --tag melpark:0.1.0 .

sbom: $(VENV)/.synced-dev ## Write what each part is made of into dist/sbom/ (CycloneDX)
	@mkdir -p dist/sbom
	@$(BIN)/cyclonedx-py requirements requirements.lock --pyproject pyproject.toml --of JSON -o dist/sbom/stack.cdx.json
	@$(BIN)/cyclonedx-py requirements orchestration/requirements.lock --of JSON -o dist/sbom/airflow.cdx.json
	@$(BIN)/npm --prefix web sbom --package-lock-only --sbom-format cyclonedx > dist/sbom/page.cdx.json

image-airflow: image ## Build the image of Airflow's parts, upon the other
	docker build --file orchestration/Dockerfile --tag melpark-airflow:0.1.0 .

compose-up: ## Start the containers and a simulated city; `docker compose down` stops them
	install -d -m 700 secrets
	docker run --rm --user $$(id -u) --env CREDENTIALS_DIRECTORY= --volume $(CURDIR)/secrets:/secrets melpark:0.1.0 credentials /secrets
	COMPOSE_PROFILES=$${COMPOSE_PROFILES:-simulator,loop,monitoring} docker compose up --detach

wheel: $(VENV)/.synced ## Build the project's wheel into dist/
	@$(BIN)/python -m hatchling build -t wheel -d dist

# Needs Terraform and the network from which it takes its providers.
terraform-check: $(TOOLS)/checkov/.synced ## Validate and test terraform/ with mocked providers, and look for flaws
	@terraform fmt -check -recursive terraform
	@for folder in terraform terraform/modules/*; do \
		echo "$$folder" && terraform -chdir=$$folder init -backend=false -input=false > /dev/null \
			&& terraform -chdir=$$folder validate && terraform -chdir=$$folder test || exit 1; \
	done
	@$(TOOLS)/checkov/bin/checkov --directory terraform --config-file terraform/.checkov.yaml --skip-download

clean: ## Remove what is built, but no data
	rm -rf $(VENV) $(TOOLS) web/node_modules web/dist

lock: $(UV) ## Resolve the dependencies anew into the lock files
	@for set in "" "-dev"; do \
		$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
			--no-emit-index-url --no-emit-find-links pyproject.toml --group build \
			$$( [ -n "$$set" ] && echo "--group dev" ) -o requirements$$set.lock; \
	done
	@for folder in databricks docs orchestration terraform; do \
		$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
			--no-emit-index-url --no-emit-find-links $$folder/requirements.in -o $$folder/requirements.lock; \
	done

$(UV):
	@echo "Getting uv ..."
	@$(PYTHON) -m venv $(TOOLS)/uv >/dev/null 2>&1 && $(TOOLS)/uv/bin/pip install --quiet --disable-pip-version-check uv \
		|| { rm -rf $(TOOLS)/uv; $(PYTHON) -m pip install --quiet --disable-pip-version-check --prefix $(CURDIR)/$(TOOLS)/uv uv; } \
		|| { echo "uv could not be got: $(PYTHON) has neither venv nor pip; install python3-venv (Debian) or uv itself" >&2; exit 3; }

$(VENV)/bin/python: | $(UV)
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
		|| { echo "$(PYTHON) is not Python 3.11, 3.12 or 3.13: name one, as in make up PYTHON=python3.12" >&2; exit 2; }
	@$(UV) venv --quiet --allow-existing --python $(PYTHON) $(VENV)

$(VENV)/.synced: requirements.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing the locked environment ..."
	@$(UV) pip install $(QUIET) --compile-bytecode --python $(BIN)/python --require-hashes -r requirements.lock
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.synced-dev: requirements-dev.lock $(VENV)/.synced
	@echo "Installing the test environment ..."
	@$(UV) pip install $(QUIET) --compile-bytecode --python $(BIN)/python --require-hashes -r requirements-dev.lock
	@touch $@

$(TOOLS)/databricks/.synced: databricks/requirements.lock | $(VENV)/bin/python
	@echo "Installing dbt for Databricks ..."
	@$(UV) venv --quiet --allow-existing --python $(PYTHON) $(TOOLS)/databricks
	@$(UV) pip install $(QUIET) --python $(TOOLS)/databricks/bin/python --require-hashes -r databricks/requirements.lock
	@touch $@

$(TOOLS)/airflow/.synced: orchestration/requirements.lock | $(VENV)/bin/python
	@echo "Installing Airflow ..."
	@$(UV) venv --quiet --allow-existing --python $(PYTHON) $(TOOLS)/airflow
	@$(UV) pip install $(QUIET) --python $(TOOLS)/airflow/bin/python --require-hashes -r orchestration/requirements.lock
	@touch $@

$(TOOLS)/docs/.synced: docs/requirements.lock | $(VENV)/bin/python
	@$(UV) venv --quiet --allow-existing --python $(PYTHON) $(TOOLS)/docs
	@$(UV) pip install $(QUIET) --python $(TOOLS)/docs/bin/python --require-hashes -r docs/requirements.lock
	@touch $@

$(TOOLS)/checkov/.synced: terraform/requirements.lock | $(VENV)/bin/python
	@$(UV) venv --quiet --allow-existing --python $(PYTHON) $(TOOLS)/checkov
	@$(UV) pip install $(QUIET) --python $(TOOLS)/checkov/bin/python --require-hashes -r terraform/requirements.lock
	@touch $@
