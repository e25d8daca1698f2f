# SPDX-FileCopyrightText: 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
# Everything works on a fresh machine with Python 3.11 or newer, make and git; nothing is installed outside .venv.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
STAMP := $(VENV)/.installed
# Tools that call each other by name (ansible-lint, ansible-playbook) find those of the virtual environment.
export PATH := $(BIN):$(PATH)
unexport PYTHONPATH

.PHONY: help setup lint docs format unit test worlds checker browser conformance sanity molecule faults bench demo clean

help: ## Shows this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 10

setup: $(STAMP) ## Creates .venv with everything in it; does nothing if it is up to date

$(STAMP): requirements.txt requirements-dev.txt constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=/path/to/python3" if sys.version_info < (3, 11) else 0)'
	@echo "Installing into $(VENV), which takes a minute or two ..."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -qq --disable-pip-version-check --requirement requirements-dev.txt
	touch $@

lint: setup ## Style, types, documentation, licences
	ruff check .
	ruff format --check .
	mypy
	yamllint --strict .
	ansible-lint --offline
	antsibull-changelog lint
	antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs self --skip-rstcheck .
	python docs/render_modules.py --check
	reuse lint --quiet || reuse lint
	git ls-files '*.sh' .ci/run | xargs shellcheck

docs: setup ## Writes docs/reference, and the tables in docs/ (modules, failure codes, inventory, runbook)
	python docs/render_modules.py

format: setup ## Lets ruff put the Python code in order
	ruff check --fix .
	ruff format .

unit: setup ## The unit tests only: seconds
	pytest --quiet --numprocesses 2 --dist loadfile tests/unit

# A file's tests stay in one process, because they share what is costly to start. The long ones come first, as their names have it.
# A run waits for other processes a quarter of its time, so there are three for two cores.
test: lint ## What must pass before a change is shown to anybody: less than a quarter of an hour
	pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder --durations 15 -m "not further"

worlds: setup ## The playbooks further from the straight path: outages, rollback, plans, rehearsals, other inventories
	pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder --durations 15 -m further tests/e2e

checker: setup ## What looks for violated invariants is looked at itself: each safeguard switched off must be found
	pytest --numprocesses 2 tests/checker

browser: setup ## The report in a headless Chromium, which it installs below build/
	$(BIN)/python -m tests.browser.chromium
	pytest tests/browser

conformance: setup ## The runbook's own commands with the real heroku, aws, psql and curl (installed below build/); AWX's own modules
	$(BIN)/python -m tests.conformance.clients
	pytest tests/conformance

sanity: setup ## ansible-test (sanity, units, integration) and galaxy-importer, on a copy of the collection: minutes
	$(BIN)/python -m tests.checks.sanity

molecule: setup ## The scenarios of extensions/molecule, each with a sandbox of its own: minutes
	$(BIN)/python -m tests.checks.scenarios

faults: setup ## Breaks every call of a run, kills it everywhere, and looks at the invariants: long
	$(BIN)/python -m tests.faults

bench: setup ## Measures a run against the manual procedure and against the least it can take: long
	$(BIN)/python -m bench
	$(BIN)/python -m bench.page

demo: setup ## Takes a leaver's access away in the sandbox, from its start to the evidence
	$(BIN)/python -m sandbox.demo

clean: ## Removes what the targets above made, but not the evidence
	rm -rf $(VENV) .ansible .hypothesis .mypy_cache .pytest_cache .ruff_cache build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
