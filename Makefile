# Amicale. `make` alone lists what can be done.
# Most of it needs no more than make and Python 3.11 or newer; uv is used when it is installed. `make kafka` needs
# Java and Maven, `make lock` needs uv.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help run kafka test lint bench chaos lock clean

python := .venv/bin/python

help: ## List what can be done
	@awk 'BEGIN { FS = ":.*## " } /^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' Makefile

run: ## Start everything on this machine: make run [PORT=8080] [DATA=data] [HOST=127.0.0.1] [PROCESSES=1]
	@sh deploy/environment.sh run
	@exec $(python) -m deploy.local

kafka: ## Start Apache Kafka on this machine: make kafka [NODES=1 or 3] [PORT=9092] [DATA=data-kafka] [SASL=1]
	@sh deploy/environment.sh run
	@exec $(python) -m deploy.kafka

test: ## Run every test that this machine can run, in two processes: make test [ARGS="tests/giving -x"]
	@sh deploy/environment.sh dev
	@echo "Collecting the tests, up to a minute; then a dot is a test that passed ..."
	@exec $(python) -m pytest -p tests.support.summary -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

lint: ## Check style, types and who imports whom
	@sh deploy/environment.sh dev
	@sh deploy/lint.sh

bench: ## Measure what performance is promised, beside its limit (some minutes)
	@sh deploy/environment.sh dev
	@exec $(python) -m bench $(ARGS)

chaos: ## Kill, freeze and empty parts under load, at full size (long)
	@sh deploy/environment.sh dev
	@CHAOS_SCALE=1 exec $(python) -m pytest -p tests.support.summary -m chaos --timeout 3600 $(ARGS)

lock: ## Resolve the dependencies anew into requirements.lock and requirements-dev.lock (needs uv)
	@uv lock
	@uv export -q --format requirements-txt --no-header --no-emit-project --no-dev > requirements.lock
	@uv export -q --format requirements-txt --no-header --no-emit-project > requirements-dev.lock
	@echo "requirements.lock and requirements-dev.lock say what will be installed."

clean: ## Remove what can be made again (.venv, build/, caches); your data stays
	@rm -rf .venv build .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
	@echo "Clean. Your data (the folder data/, or DATA) was not touched."

Makefile: ;

.DEFAULT:
	@echo "There is no target '$@'. What can be done:"
	@$(MAKE) --no-print-directory help
	@exit 2
