# docs/reference/local-stack.md explains the targets. They need Python 3.11 to 3.14 with venv, make and git; test-browser
# also needs a browser.

# The versions of Python that the locks support, oldest first: all packages have wheels for them.
python_versions = 3.11 3.12 3.13 3.14

# Python's settings in the user's shell have no effect, such as PYTHONHOME, which names another Python's library, and
# PYTHONDONTWRITEBYTECODE, with which each process compiles all modules that it imports.
unexport $(filter-out PYTHON,$(filter PYTHON%,$(.VARIABLES)))

# The Python of the virtual environment, with the project's packages on its path.
python = PYTHONPATH=plugins:. .venv/bin/python
compile = .venv/bin/uv --quiet pip compile --universal --python-version $(firstword $(python_versions)) \
	--generate-hashes --no-emit-index-url --no-emit-find-links --upgrade

# What an image can have beside requirements.txt: requirements-<extra>.in. Each lock holds only what the extra adds, in
# versions that go with requirements.txt and with every other extra. What requirements.txt has only for some platforms,
# a lock repeats if it needs it.
extras = fab celery kubernetes amazon keycloak statsd
locked = $(shell sed -n '/;/d; s/^\([a-z0-9.-]*\)==.*/--no-emit-package \1/p' requirements.txt)

# Processes that run tests at the same time. Each has servers of its own, which take about a gigabyte of memory. Those of
# make test wait for servers a third of the time, so three of them keep two cores busy.
workers = 2
test: workers = 3

.DEFAULT_GOAL := help
.PHONY: help run up down clean status test test-night test-deployment test-browser lint generate bench lock \
	lock-extras venv python
.NOTPARALLEL:

help:
	@echo 'make run           start everything on this machine and run all jobs for today, on demo data'
	@echo 'make up            start PostgreSQL, Elasticsearch and Airflow, but run no job'
	@echo 'make status        show which services are running, and whether last night was fine'
	@echo 'make down          stop the services; the data stays'
	@echo 'make clean         stop the services and delete the data'
	@echo 'make test          the linters and the tests, on real servers'
	@echo 'make test-night    the tests of whole nights on a real scheduler'
	@echo 'make test-deployment  the tests of docker-compose.yaml; needs nginx and PgBouncer'
	@echo 'make test-browser  the tests of the pages in a browser; needs Chromium or Chrome'
	@echo 'make lint          the linters only'
	@echo 'make generate      rewrite the pictures, tables and settings that are made from the code'
	@echo 'make bench         the benchmark'
	@echo 'make lock          update requirements*.txt and local/elasticsearch.lock.toml'

# exec: a signal to make reaches the command itself, which then stops what it has started.
run up: venv
	@exec env $(python) -m local $@

# These three install nothing. A .venv that was interrupted, or whose Python was replaced or removed, cannot import uv.
down clean status:
	@if [ ! -e .venv ] && [ ! -L .venv ]; then \
		echo 'Nothing is installed here yet.'; [ $@ != status ]; \
	elif [ -f .venv/installed-requirements.txt ] && .venv/bin/python -I -c 'import uv' 2>/dev/null; then \
		exec env $(python) -m local $@; \
	else \
		echo '.venv cannot be used: it is incomplete, or its Python was moved, replaced or removed.'; \
		echo 'Run make venv to rebuild it, then make $@ again.'; exit 1; \
	fi

# The linters run beside the tests, which often wait for servers.
test: venv
	@$(MAKE) --no-print-directory lint & lint=$$!; \
	$(python) -m pytest --numprocesses=$(workers) --dist=worksteal; tests=$$?; \
	wait $$lint || { echo 'The linters found something: see above, or run make lint.'; exit 1; }; \
	exit $$tests

# Separate from the other tests because it takes long. .ci/run runs it, too.
test-night: venv
	$(python) -m pytest --numprocesses=$(workers) --dist=loadscope tests/scheduler

# Separate from the other tests because it takes long, and needs nginx and pgbouncer. .ci/run runs those that are not
# slow: make test-deployment only='not slow'
test-deployment: venv
	$(python) -m pytest $(if $(only),-m '$(only)') tests/deployment

# Separate from the other tests because it needs a browser. .ci/run runs it, too.
test-browser: venv
	$(python) -m pytest tests/browser

lint: venv
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	PYTHONPATH=plugins:. .venv/bin/lint-imports
	.venv/bin/mypy & types=$$!; \
	.venv/bin/sqlfluff lint --disable-progress-bar include/sql local/sql tests/second_index; sql=$$?; \
	wait $$types && exit $$sql

generate: venv
	$(python) docs/draw_night.py
	$(python) docs/draw_architecture.py
	$(python) docs/write_order.py
	$(python) docs/write_parameters.py
	$(python) docs/write_metrics.py
	$(python) docs/write_index_settings.py
	$(python) deploy/write_elasticsearch_role.py

bench: venv
	@exec env $(python) -m bench

lock: venv
	$(compile) requirements.in -o requirements.txt
	$(MAKE) lock-extras
	$(compile) requirements-dev.in -c requirements.txt $(extras:%=-c requirements-%.txt) -o requirements-dev.txt
	$(python) -m local.jars

# A separate call of make, because it reads the new requirements.txt. Each extra is held to the extras before it.
lock-extras:
	for extra in $(extras); do \
		$(compile) requirements-$$extra.in -c requirements.txt $$constraints $(locked) \
			--custom-compile-command "make lock" -o requirements-$$extra.txt || exit 1; \
		constraints="$$constraints -c requirements-$$extra.txt"; \
	done

venv:
	@local/virtual_environment.sh $(python_versions)

# Fails, with the reason, if there is no Python for venv.
python:
	@local/virtual_environment.sh --find $(python_versions)
