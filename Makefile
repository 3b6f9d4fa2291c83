# Everything that one does with this repository. `make help` lists it.
# Recipes "exec" what they start: a SIGTERM to make then reaches it, and not only a shell.
PYTHON ?= python3
VENV := .venv
DEPLOY_VENV := .venv-deploy
BIN := $(VENV)/bin
PORT ?= 8787
STATE_DIR ?= .local
CONTAINER_HOST ?= host.docker.internal
LOAD_USERS ?= 10
LOAD_SECONDS ?= 60
comma := ,
LOCK := uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --quiet
SOURCES := deploy evaluation functions local ops shared tests

.DEFAULT_GOAL := install
.PHONY: help install check test test-versions demo dev openapi migrate cells move roll-up sessions lag adopt lock format clean client experiment why simulate replay movielens bench catalogues footprint soak load-feed load-impressions load-mixed deploy-check env-json

# What a target does stands behind its name, after "##".
help:  ## List the targets; in brackets how long they take on two cores
	@awk -F ':.*## ' '/^[a-z][a-z -]*:.*## / { n = split($$1, names, " "); for (i = 1; i <= n; i++) printf "%-17s %s\n", names[i], $$2 }' $(MAKEFILE_LIST)

install: $(VENV)/.installed  ## Create .venv from the pinned requirements

$(VENV)/.installed: requirements/dev.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed (make PYTHON=…)")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement requirements/dev.txt
	touch $@

check: install  ## Formatting, lint (Python and SQL), types, import contracts, template [20 s]
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/sqlfluff lint --quiet --processes 1 db/migrations
	$(BIN)/mypy $(SOURCES)
	$(BIN)/lint-imports
	$(BIN)/python -m deploy.openapi --check
	$(BIN)/python -m local.node check --if-there
	SAM_CLI_TELEMETRY=0 $(BIN)/sam validate --lint --region us-east-1

test: install  ## The whole test suite
	exec $(BIN)/pytest --numprocesses auto --dist loadfile

test-versions: install  ## The tests that speak to Postgres on versions 15 to 18 (VERSIONS="15 18", SUITES="database feed") [4 min a version]
	STATE_DIR=$(STATE_DIR) SUITES="$(SUITES)" exec $(BIN)/python -m tests.versions $(VERSIONS)

demo: install  ## The main job once, start to finish; with CELLS=2 that of a catalogue and two cells [30 s]
	exec $(BIN)/python -m local.demo

dev: install  ## The stack in the foreground (PORT, STATE_DIR; CELLS=2)
	PORT=$(PORT) STATE_DIR=$(STATE_DIR) exec $(BIN)/python -m local.dev

openapi: install  ## Write docs/openapi.json anew from the handlers' models
	$(BIN)/python -m deploy.openapi

client: install  ## Build the client and its page (Node 20 or later, or the one of a wheel)
	$(BIN)/python -m local.node build

simulate: install  ## A simulated population through the feed (WHAT=feeds, life, start, half-life, weights, quota, ttl; SEEDS, VIEWERS, DAYS; AGAINST=<commit>) [8 min]
	STATE_DIR=$(STATE_DIR) exec $(BIN)/python -m evaluation.simulation $(WHAT)

replay: install  ## A timed log through the feed, judged beside simple rankings (LOG=…, WINDOW hours, EVENTS, EXPLORATION) [30 s with SMALL=1]
	STATE_DIR=$(STATE_DIR) exec $(BIN)/python -m evaluation.replay $(LOG) $(if $(SMALL),--small)

movielens: install  ## MovieLens-100k as a log for make replay: STATE_DIR/movielens.parquet
	mkdir -p $(STATE_DIR)
	$(BIN)/pip download --quiet --disable-pip-version-check --no-deps --require-hashes --dest $(STATE_DIR) \
		--requirement requirements/movielens.txt
	$(BIN)/python -m evaluation.replay.movielens $(STATE_DIR)/recbole-1.2.1-py3-none-any.whl $(STATE_DIR)/movielens.parquet

sessions: install  ## What a session of ten pages costs: rankings, calls and units of DynamoDB (POSTS, VIEWERS) [20 s]
	exec $(BIN)/python -m evaluation.speed.sessions

roll-up: install  ## How many events a second one catalogue server counts (POSTS, EVENTS, SHARES="1 2 4", BATCH="2000 10000") [2 min]
	exec $(BIN)/python -m evaluation.roll_up

lag: install  ## How long a take-down takes to reach the cells, idle and under the roll-up (POSTS, CELLS, SAMPLES, EVENTS, BATCH="2000 10000") [1 min]
	exec $(BIN)/python -m evaluation.lag

soak: install  ## A long run at half of what the machine does (MINUTES, WARM_UP minutes, RATE, OPEN_TRANSACTION minutes); writes STATE_DIR/soak.json and soak.png [35 min]
	STATE_DIR=$(STATE_DIR) exec $(BIN)/python -m evaluation.soak

bench: install  ## The benchmark (POSTS, IMPRESSIONS, SAMPLES; AGAINST=<commit>); writes STATE_DIR/bench.json and bench.png [45 s at 20,000 posts]
	STATE_DIR=$(STATE_DIR) exec $(BIN)/python -m evaluation.speed

catalogues: install  ## What a page costs in catalogues of several sizes, in turns (POSTS, IMPRESSIONS, SAMPLES); writes STATE_DIR/catalogues.json
	STATE_DIR=$(STATE_DIR) exec $(BIN)/python -m evaluation.speed.catalogues

footprint: install  ## What 1,000 pages with their events write: WAL by table, growth, HOT updates (POSTS, PAGES; AGAINST=<commit>) [3 min]
	STATE_DIR=$(STATE_DIR) exec $(BIN)/python -m evaluation.footprint

load-feed load-impressions load-mixed: install  ## Load on `make dev SEED_POSTS=20000` (SHAPE=steady, spike; LOAD_USERS, LOAD_SECONDS) [1 min]
	LOAD_USERS=$(LOAD_USERS) LOAD_SECONDS=$(LOAD_SECONDS) STATE_DIR=$(STATE_DIR) exec $(BIN)/locust --headless --only-summary \
		--locustfile tests/load/$(@:load-%=%).py$(if $(filter spike,$(SHAPE)),$(comma)tests/load/spike.py) \
		$(if $(filter spike,$(SHAPE)),,--users $(LOAD_USERS) --spawn-rate $(LOAD_USERS) --run-time $(LOAD_SECONDS)s)

deploy-check: install $(DEPLOY_VENV)/.installed  ## Everything about a deployment that needs no AWS account [3 min]
	for stage in dev staging prod; do \
		SAM_CLI_TELEMETRY=0 $(BIN)/sam validate --config-env $$stage || exit 1; \
	done
	SAM_CLI_TELEMETRY=0 $(BIN)/sam build --build-dir .aws-sam/deploy-check
	$(BIN)/python -m deploy.checks.translation .aws-sam/deploy-check/template.yaml .aws-sam/changesets
	# W2001: SAM has put the value of DeploymentType where it was used.
	$(BIN)/cfn-lint --ignore-checks W2001 -- .aws-sam/changesets/*.json
	$(DEPLOY_VENV)/bin/checkov --file template.yaml --framework cloudformation --compact --quiet --skip-download
	$(BIN)/pytest --quiet tests/unit/deploy/checks tests/integration/deploy/checks

# In a venv of its own: checkov pins much of what it uses.
$(DEPLOY_VENV)/.installed: requirements/deploy.txt
	$(PYTHON) -m venv $(DEPLOY_VENV)
	$(DEPLOY_VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement requirements/deploy.txt
	touch $@

env-json: install  ## env.json for `sam local`, of the stack that runs in STATE_DIR (CONTAINER_HOST)
	exec $(BIN)/python -m deploy.env_json $(STATE_DIR) env.json $(CONTAINER_HOST)

# What takes a database's URL is not echoed: it holds a password, and terminals are recorded.
experiment: install  ## What an experiment has shown (NAME=…, DAYS=30, DATABASE_URL=…)
	@exec $(BIN)/python -m ops.experiment "$(NAME)" --days $(or $(DAYS),30)

why: install  ## Why a request was answered as it was (REQUEST=…, DATABASE_URL=…)
	@exec $(BIN)/python -m ops.why "$(REQUEST)"

migrate: install  ## Apply the migrations (DATABASE_URL=…; KIND=catalogue or viewers)
	@exec $(BIN)/python -m local.migrate "$(DATABASE_URL)" $(KIND)

cells: install  ## Connect a cell to a catalogue, both ways (CATALOGUE=…, CELL=…, NUMBER=1; DISCONNECT=1; after a restore RESTORED=1); again: nothing happens
	@$(foreach name,CATALOGUE CELL NUMBER DISCONNECT RESTORED CATALOGUE_FOR_CELL CELL_FOR_CATALOGUE,$(name)='$($(name))') \
		exec $(BIN)/python -m ops.cells

move: install  ## Move a viewer from one cell to another (VIEWER=…, CATALOGUE=…, FROM=…, TO=…); again: nothing happens
	@$(foreach name,VIEWER CATALOGUE FROM TO,$(name)='$($(name))') exec $(BIN)/python -m ops.move

adopt: install  ## Let the feed move in beside an application's own posts (docs/adopt.md); APPLY=1 does it, UNDO=1 takes it back
	@$(foreach name,POSTS ID CREATOR CAPTION VIDEO_URL DURATION_MS DELETED FOLLOWS LIKES COMMENTS IMPRESSIONS WATCHES VIEW_COUNT LIKE_COUNT COMMENT_COUNT SHARE_COUNT INGEST INGEST_PER_S MINUTES_PER_VIDEO ENCODING_PRICE STORAGE_PRICE APPLY UNDO,$(name)='$($(name))') \
		exec $(BIN)/python -m ops.adopt "$(DATABASE_URL)"

format: install  ## Rewrite the sources as the formatter wants them
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: install  ## Resolve the pinned requirement files anew
	$(BIN)/$(LOCK) requirements/dev.in --output-file requirements/dev.txt
	$(BIN)/$(LOCK) requirements/deploy.in --output-file requirements/deploy.txt
	$(BIN)/$(LOCK) requirements/node.in --output-file requirements/node.txt
	for function in feed_ranker create_upload mux_webhook; do \
		$(BIN)/$(LOCK) functions/$$function/requirements.in --constraint requirements/dev.txt \
			--output-file functions/$$function/requirements.txt || exit 1; \
	done

# By an absolute path: `sam build` calls this file from another folder.
include $(dir $(abspath $(lastword $(MAKEFILE_LIST))))build.mk

clean:  ## Remove what the targets made
	rm -rf $(VENV) $(DEPLOY_VENV) .venv-node client/node_modules tests/browser/node_modules $(STATE_DIR) .aws-sam .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache env.json
