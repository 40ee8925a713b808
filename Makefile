# make run    the main job on this machine: web and worker on embedded SQLite, http://127.0.0.1:$(PORT)
# make test   everything the project promises about itself
# Both do their own set-up; what cannot be installed is said in plain words.

SHELL := /bin/bash
export PORT ?= 8000
export PATH := $(CURDIR)/.venv/bin:$(PATH)

# Debian/Ubuntu packages: what Python's wheels and npm's packages do not bring along.
SYSTEM := python3-venv fontconfig libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-hanazono fonts-babelstone-han
SYSTEM_TEST := chromium poppler-utils qpdf

.PHONY: help run test lint setup setup-test bench soak audit demo clean

help:
	@sed -n 's/^# //p;/^$$/q' Makefile

run: setup
	hejie serve --demo

test: setup-test lint
	tests/with-postgres pytest -n 2 --dist loadgroup

lint: setup-test
	ruff check .
	ruff format --check .
	mypy
	lint-imports
	hejie check

bench: setup
	hejie bench

# Five minutes (SQLite) and eight (PostgreSQL) beside little else, over half an hour on a busy machine: what is lost or doubled by 200 kills during 20,000 completions.
soak: setup-test
	HEJIE_SOAK_COMPLETIONS=20000 HEJIE_SOAK_KILLS=200 tests/with-postgres pytest tests/faults/test_kills.py -s

# pip-audit brings much along that nothing else needs: a folder of its own.
audit: setup
	@test -x .venv/audit/bin/pip-audit || { python3 -m venv .venv/audit && .venv/audit/bin/pip install -q --disable-pip-version-check pip-audit==2.10.1; } || true
	@NODE_OPTIONS=--use-system-ca .ci/audit .venv/audit/bin/pip-audit

demo: setup
	hejie demo --out var/demo

setup: .venv/.system .venv/.python bundles/.built
setup-test: setup .venv/.system-test

.venv/.system: Makefile
	@./install-packages $(SYSTEM)
	@mkdir -p .venv && touch $@

.venv/.system-test: Makefile
	@./install-packages $(SYSTEM_TEST)
	@touch $@

.venv/.python: requirements.txt setup.cfg | .venv/.system
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; python3 is $$(python3 --version 2>&1)."; exit 1; }
	@test -x .venv/bin/python || python3 -m venv .venv
	@echo "Installing the Python packages of requirements.txt into .venv ..."
	@.venv/bin/python -m pip install -q --disable-pip-version-check -r requirements.txt
	@.venv/bin/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# --use-system-ca: behind a company's proxy, Node trusts whom the machine trusts.
bundles/.built: package-lock.json bundle.mjs $(wildcard engine/feel*.mjs web/browser/*.mjs web/browser/lib/*.mjs) $(wildcard web/translations/*/LC_MESSAGES/*.po) | .venv/.python
	@echo "Installing and bundling the browser packages of package-lock.json ..."
	@NODE_OPTIONS=--use-system-ca npm ci --loglevel=error --no-audit --no-fund --no-progress
	@npm run --silent build
	@pybabel -q compile -d web/translations
	@touch $@

clean:
	rm -rf bundles node_modules .venv
