# What there is to do here; README.md says more. Needs Python 3.11 or newer with venv, make and git, and nothing
# else; test-browser needs a browser, too.

# The versions of Python that the locks support, oldest first: every package has a wheel for each of them.
python_versions = 3.11 3.12 3.13 3.14

# Python of the virtual environment, and where it finds the packages of the project.
python = PYTHONPATH=plugins:. .venv/bin/python
compile = .venv/bin/uv --quiet pip compile --universal --python-version $(firstword $(python_versions)) --generate-hashes \
	--no-emit-index-url --no-emit-find-links --upgrade

.DEFAULT_GOAL := help
.PHONY: help run up down clean status test test-night test-browser lint bench lock venv
.NOTPARALLEL:

help:
	@echo 'make run     the whole night on this machine: servers, demo data, eight jobs, a table of what they did'
	@echo 'make test    lint, then the tests, on real servers'
	@echo 'make test-night  the tests on a real scheduler: nights by the clock, odd ones too, and runs that are stopped'
	@echo 'make test-browser  the tests of the pages, in a browser: needs Chromium or Chrome'
	@echo 'make up      PostgreSQL, Elasticsearch and Airflow alone'
	@echo 'make status  what of them runs'
	@echo 'make down    end them; the data stays'
	@echo 'make clean   end them and delete the data'
	@echo 'make lint    the linters alone'
	@echo 'make bench   the benchmark'
	@echo 'make lock    renew the locks: requirements.txt, requirements-dev.txt, local/elasticsearch.lock.toml'

# exec: a signal to make reaches the command itself, which then ends what it has started.
run up: venv
	@exec env $(python) -m local $@

down clean status:
	@if [ -x .venv/bin/python ]; then exec env $(python) -m local $@; else echo 'Nothing is set up here yet.'; fi

test: lint
	$(python) -m pytest

# Apart from the other tests, as it takes half as long as all of them; .ci/run runs it, too.
test-night: venv
	$(python) -m pytest tests/scheduler

# Apart from the other tests, as it needs a browser; .ci/run runs it, too.
test-browser: venv
	$(python) -m pytest tests/browser

lint: venv
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	$(python) -m mypy -p sync_jobs -p local
	PYTHONPATH=plugins:. .venv/bin/lint-imports
	.venv/bin/sqlfluff lint --disable-progress-bar include/sql local/sql

bench: venv
	@exec env $(python) -m bench

lock: venv
	$(compile) requirements.in -o requirements.txt
	$(compile) requirements-dev.in -c requirements.txt -o requirements-dev.txt
	$(python) -m local.jars

venv:
	@local/virtual_environment.sh $(python_versions)
