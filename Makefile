# Every command of the project. `make` alone lists them.
SHELL := /bin/sh
PYTHON := .venv/bin/python
LOCAL_STACK := $(PYTHON) -m local_stack
COMPILE := .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header
# Under the analyst's account, who may read the index and nothing else.
REPORT = values="$$($(LOCAL_STACK) env)" && eval "$$values" && \
	PHOTO_ELASTICSEARCH_URL="$$ELASTICSEARCH_URL" PHOTO_ELASTICSEARCH_USER="$$ELASTICSEARCH_ANALYST_USER" \
	PHOTO_ELASTICSEARCH_PASSWORD="$$ELASTICSEARCH_ANALYST_PASSWORD" \
	env $${PHOTO_CA_FILE:+PHOTO_ELASTICSEARCH_CA_FILE="$$PHOTO_CA_FILE"} \
	$(PYTHON) -m photo_pipeline.bi.report --output .local/report.html $(ARGS)
# Servers and files are waited for much of the time: three processes share two cores, each with its own servers, for which
# it wants some 5 GB of memory.
PROCESSES := $(shell awk '/^MemTotal/ { n = int($$2 / 5e6); print (n < 1 ? 1 : n > 3 ? 3 : n) }' /proc/meminfo)
# One that dies is replaced once: two are no accident.
AT_ONCE := --numprocesses=$(PROCESSES) --max-worker-restart=1 --dist=loadgroup --no-loadscope-reorder --durations=20
export PYTHONPATH := include:.
# Every process that starts would compile the whole product again.
unexport PYTHONDONTWRITEBYTECODE
.DEFAULT_GOAL := help
.PHONY: help bootstrap demo report kibana-check screenshots up status restart failover chaos down clean logs env fetch test proofs bench bench-history \
	power fuzz lint format lock

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 22

bootstrap:
	@bin/bootstrap

$(PYTHON):
	@bin/bootstrap

demo: bootstrap ## start everything, send photos through it, show what became of them (PHOTOS=dir: your own)
	@$(LOCAL_STACK) up
	@$(PYTHON) -m local_stack.demo
	@$(REPORT)

report: bootstrap ## the analysts' figures as one HTML page, .local/report.html (ARGS="--days 7")
	@$(REPORT)

kibana-check: bootstrap ## the dashboards in a real Kibana, drawn and compared with SQL (URL=https://kibana.example.com, ARGS="--days 30")
	@test -n "$(URL)" || { echo "error: say where Kibana is: make kibana-check URL=https://kibana.example.com" >&2; exit 2; }
	@if [ -z "$$PHOTO_BI_DATABASE_URL" ]; then values="$$($(LOCAL_STACK) env)" && eval "$$values"; fi; \
	export PHOTO_BI_DATABASE_URL; $(PYTHON) -m tests.kibana_check --url "$(URL)" $(ARGS)

screenshots: bootstrap ## take README's pictures again, from the running demo
	@$(PYTHON) -m local_stack.screenshots --check
	@$(REPORT)
	@$(PYTHON) -m local_stack.screenshots

up: bootstrap ## start all servers, Airflow and the web applications (ONLY=postgres,kafka,...: some; STACK=ha: three of each; STACK=secure: TLS and log-ins)
	@$(LOCAL_STACK) up --only "$(ONLY)"

status: $(PYTHON) ## how every service is
	@$(LOCAL_STACK) status

restart: $(PYTHON) ## restart the upload API's replicas one after the other (STACK=ha: no request fails)
	@$(LOCAL_STACK) restart

failover: $(PYTHON) ## let the standby of PostgreSQL or the NameNode take over (ONLY=postgres,namenode; STACK=ha)
	@$(LOCAL_STACK) failover --only "$(ONLY)"

down: $(PYTHON) ## stop everything; data is kept
	@$(LOCAL_STACK) down

clean: $(PYTHON) ## stop everything and drop all data
	@$(LOCAL_STACK) clean

logs: $(PYTHON) ## follow the logs of all services (SERVICE=kafka: of one)
	@$(LOCAL_STACK) logs --service="$(SERVICE)"

env: $(PYTHON) ## addresses and log-ins as KEY=value
	@$(LOCAL_STACK) env

fetch: bootstrap ## download the servers without starting them
	@$(LOCAL_STACK) fetch

test: export FOR_TESTS := 1
test: bootstrap ## the whole suite, against its own real servers (ARGS=...: for pytest)
	@$(PYTHON) -m pytest $(or $(ARGS),$(AT_ONCE))

proofs: export FOR_TESTS := 1
proofs: bootstrap ## every boundary of the SIGKILL matrices (`make test` takes every sixth), ten times the retention histories, and five faults under load
	@PHOTO_PROOFS=1 $(PYTHON) -m pytest $(or $(ARGS),-n2 --max-worker-restart=1 --dist=loadgroup tests/faults tests/unit/use_cases/test_retention_stateful.py)

chaos: export STACK ?= ha
chaos: bootstrap ## kill servers and cut lines at random under load, then check every receipt (SEED=1 MINUTES=10 STACK=ha)
	@$(PYTHON) -m tests.chaos --seed "$(or $(SEED),1)" --minutes "$(or $(MINUTES),10)"

bench: bootstrap ## the benchmarks, side by side with their references (SHARE=0.2: a fifth of the backlog for Airflow)
	@$(PYTHON) -m tests.bench.bench_imaging
	@$(PYTHON) -m tests.bench.bench_ingest
	@$(PYTHON) -m tests.bench.bench_airflow --share $(or $(SHARE),1)
	@$(PYTHON) -m tests.bench.bench_memory
	@$(PYTHON) -m tests.bench.bench_sync
	@$(PYTHON) -m tests.bench.bench_gallery
	@$(PYTHON) -m tests.bench.bench_zip
	@$(PYTHON) -m tests.bench.bench_first_photo
	@$(PYTHON) -m tests.bench.bench_scroll

bench-history: export FOR_TESTS := 1
bench-history: bootstrap ## the pages that each statement reads of a long past, against a short one (ROWS=20000000)
	@$(PYTHON) -m tests.bench.bench_history --records $(or $(ROWS),20000000)

power: export FOR_TESTS := 1
power: bootstrap ## cut the power under PostgreSQL, Kafka, HDFS and parts of uploads (needs root and mkfs.ext4)
	@PHOTO_TEST_POWER=1 $(PYTHON) -m pytest -n0 -v tests/faults/test_power_failure.py

fuzz: bootstrap ## mutated photos of every format through the image workers (SEED=, INPUTS=)
	@$(PYTHON) -m tests.faults.fuzz_imaging --inputs $(or $(INPUTS),20000) --seed $(or $(SEED),1)

lint: bootstrap ## ruff, mypy and import-linter
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports --no-cache

format: bootstrap ## let ruff fix and format what it can
	@.venv/bin/ruff check --fix .
	@.venv/bin/ruff format .

lock: bootstrap ## lock the Python packages and the servers' files (ARGS=--upgrade)
	@$(COMPILE) $(ARGS) requirements/bootstrap.in -o requirements/bootstrap.txt
	@$(COMPILE) $(ARGS) --override requirements/overrides.txt requirements/runtime.in -o requirements.txt
	@$(COMPILE) $(ARGS) requirements/web.in -o requirements/web.txt
	@$(COMPILE) $(ARGS) requirements/build.in -o requirements/build.txt
	@$(COMPILE) $(ARGS) requirements/dev.in -o requirements/dev.txt
	@$(LOCAL_STACK) lock
