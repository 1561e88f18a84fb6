# Every command of the project. `make` alone lists them.
SHELL := /bin/sh
PYTHON := .venv/bin/python
STACK := $(PYTHON) -m local_stack
COMPILE := .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header
export PYTHONPATH := include
.DEFAULT_GOAL := help
.PHONY: help bootstrap demo up status down clean logs env fetch test bench lint format lock

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile | expand -t 18

bootstrap:
	@bin/bootstrap

$(PYTHON):
	@bin/bootstrap

demo: bootstrap ## start everything, send photos through it, show what became of them (PHOTOS=dir: your own)
	@$(PYTHON) -m local_stack.demo

up: bootstrap ## start all servers, Airflow and the web applications (ONLY=postgres,kafka,...: some)
	@$(STACK) up --only "$(ONLY)"

status: $(PYTHON) ## how every service is
	@$(STACK) status

down: $(PYTHON) ## stop everything; data is kept
	@$(STACK) down

clean: $(PYTHON) ## stop everything and drop all data
	@$(STACK) clean

logs: $(PYTHON) ## follow the logs of all services
	@$(STACK) logs

env: $(PYTHON) ## addresses and log-ins as KEY=value
	@$(STACK) env

fetch: bootstrap ## download the servers without starting them
	@$(STACK) fetch

test: bootstrap ## the whole suite, against its own real servers (ARGS=...: for pytest)
	@$(PYTHON) -m pytest $(ARGS)

bench: bootstrap ## the benchmarks, side by side with their references
	@$(PYTHON) -m pytest tests/bench --capture=no --timeout=0 $(ARGS)

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
	@$(COMPILE) $(ARGS) requirements/dev.in -o requirements/dev.txt
	@$(STACK) lock
