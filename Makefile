# Everything that one does with this repository. `make help` lists it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8787
STATE_DIR ?= .local
LOCK := uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --quiet
SOURCES := functions shared local openapi tests

.DEFAULT_GOAL := install
.PHONY: help install check test demo dev openapi migrate lock format clean

help:  ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## / — /'

install: $(VENV)/.installed  ## Create .venv from the pinned requirements

$(VENV)/.installed: requirements/dev.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed (make PYTHON=…)")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement requirements/dev.txt
	touch $@

check: install  ## Formatting, lint, types, import contracts, template
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy $(SOURCES)
	$(BIN)/lint-imports
	$(BIN)/python -m openapi --check
	SAM_CLI_TELEMETRY=0 $(BIN)/sam validate --lint --region us-east-1

test: install  ## The whole test suite
	$(BIN)/pytest --numprocesses auto --dist loadfile

demo: install  ## The main job once, start to finish
	$(BIN)/python -m local.demo

dev: install  ## The stack in the foreground (PORT, STATE_DIR)
	PORT=$(PORT) STATE_DIR=$(STATE_DIR) $(BIN)/python -m local.dev

openapi: install  ## Write docs/openapi.json anew from the handlers' models
	$(BIN)/python -m openapi

migrate: install  ## Apply the migrations (DATABASE_URL=…)
	$(BIN)/python -m local.migrate "$(DATABASE_URL)"

format: install  ## Rewrite the sources as the formatter wants them
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: install  ## Resolve the pinned requirement files anew
	$(BIN)/$(LOCK) requirements/dev.in --output-file requirements/dev.txt
	for function in feed_ranker create_upload mux_webhook; do \
		$(BIN)/$(LOCK) functions/$$function/requirements.in --constraint requirements/dev.txt \
			--output-file functions/$$function/requirements.txt || exit 1; \
	done

# By an absolute path: `sam build` calls this file from another folder.
include $(dir $(abspath $(lastword $(MAKEFILE_LIST))))build.mk

clean:  ## Remove what the targets made
	rm -rf $(VENV) $(STATE_DIR) .aws-sam .mypy_cache .ruff_cache .pytest_cache .hypothesis
