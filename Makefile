# Everything a developer types. `make help` lists the recipes.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
PY := $(VENV)/bin/python
# Machines that forbid bytecode make each of the many processes of tests and demo compile every module anew.
export PYTHONDONTWRITEBYTECODE :=
ARGS ?=
SYSTEMS ?= dataverse,activecampaign

.PHONY: help
help: ## list the recipes
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | expand -t 14

.PHONY: setup
setup: $(VENV)/.ready node_modules/.ready ## install what demo, tests and checks need

$(VENV)/.ready: requirements.txt requirements-dev.txt scripts/find-python
	@python="$$(scripts/find-python)"; \
	echo "setup: $$("$$python" --version) -> $(VENV)"; \
	"$$python" -m venv --clear $(VENV); \
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt; \
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --target $(VENV)/worker-protos azure-functions-runtime-v1==1.2.0; \
	touch $@

node_modules/.ready: package.json package-lock.json
	@command -v npm >/dev/null || { echo "setup: npm was not found. The storage emulator (Azurite) needs Node.js 20 or newer with npm: install them (Debian: apt-get install nodejs npm), then run the same command again." >&2; exit 3; }
	@npm ci --silent --no-fund --no-audit
	@touch $@

.PHONY: demo
demo: setup ## a day on this machine between Dynamics 365 and ActiveCampaign, checked at the end
	@$(PY) -m cli demo $(ARGS)

.PHONY: run
run: setup ## the app on the local host with simulators, until Ctrl-C
	@$(PY) -m cli demo --keep $(ARGS)

.PHONY: test
test: setup ## all tests
	@$(PY) -m pytest -n 3 --dist loadgroup $(ARGS)

.PHONY: check
check: setup ## format, lint, types, import contracts
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports --no-cache

.PHONY: format
format: setup ## let the formatter and the safe fixes do their work
	@$(VENV)/bin/ruff format .
	@$(VENV)/bin/ruff check --fix .

.PHONY: features
features: setup ## every clause of the feature contract and its tests
	@$(PY) scripts/features.py $(ARGS)

.PHONY: conformance
conformance: setup ## independent clients against the simulators
	@$(PY) -m tests.conformance $(ARGS)

.PHONY: rules
rules: setup ## every rule of the simulators and its tests, as a page
	@$(PY) scripts/simulator_rules.py $(ARGS)

.PHONY: bench-simulators
bench-simulators: setup ## how fast the simulators are
	@$(PY) -m simulators.frame.bench $(ARGS)

.PHONY: activities
activities: setup ## 100,000 activities told twice in random order, with five kills: each once
	@$(PY) -m bench.activities $(ARGS)

.PHONY: counts
counts: setup ## measured calls against the ideal, phase by phase and endpoint by endpoint
	@$(PY) -m bench.counts $(ARGS)

SECONDS ?= 60
SEED ?=
.PHONY: sim
sim: setup ## random histories against the engine: SECONDS=60 SEED=n
	@$(PY) -m tests.simulation --seconds $(SECONDS) $(if $(SEED),--seed $(SEED)) $(ARGS)

.PHONY: mutants
mutants: setup ## break the engine on purpose, and see the simulation notice
	@$(PY) -m tests.simulation.mutants $(ARGS)

.PHONY: crash-matrix
crash-matrix: setup ## sixteen crash points against six operations, each death survived
	@$(PY) -m tests.simulation.crash_matrix $(ARGS)

.PHONY: soak
soak: setup kills ## 50 kills (make kills), then 20,000 people, 2,000 edits, 5 % faults: no echo, no empty write
	@$(PY) -m tests.simulation.soak $(ARGS)

KILLS ?= 50
.PHONY: kills
kills: setup ## the worker dies KILLS=50 times at random moments: nothing lost, nothing doubled
	@$(PY) -m tests.app.kills --kills $(KILLS) $(if $(SEED),--seed $(SEED))

.venv-infra/.ready: requirements-infra.txt scripts/find-python
	@python="$$(scripts/find-python)"; \
	"$$python" -m venv --clear .venv-infra; \
	.venv-infra/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-infra.txt; \
	.venv-infra/bin/python -m pip download --quiet --disable-pip-version-check --no-deps --dest .venv-infra/wheels cdktn-provider-azurerm==18.9.0
	@touch $@

.PHONY: infra
infra: setup .venv-infra/.ready ## the deployment templates: layout, types, parity, queries, a plan, policies, deliberate breaks
	@$(PY) -m scripts.infra
	@$(PY) -m scripts.infra breaks

.PHONY: package
package: setup ## the deployment package, dist/dynasync.zip, with bytecode and the list of its libraries
	@$(PY) scripts/package.py $(ARGS)

.venv-audit/.ready: requirements-audit.txt scripts/find-python
	@python="$$(scripts/find-python)"; \
	"$$python" -m venv --clear .venv-audit; \
	.venv-audit/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-audit.txt
	@touch $@

.PHONY: audit
audit: package .venv-audit/.ready ## the package's bill of materials, and known vulnerabilities of its libraries
	@$(PY) scripts/audit.py dist/dynasync.sbom.txt
