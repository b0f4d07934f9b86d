# make demo   set up everything and open JupyterLab on the quickstart
# make test   set up everything, Chromium included, and run every check and every test
# make peers  run the tests against small-text, scikit-activeml and modAL, in a folder of their own
# make bench  measure what docs/benchmarks.md tells; make setup and make clean do what they say
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV   := .venv
BIN    := $(VENV)/bin
STAMPS := $(VENV)/.stamps
BUNDLE := alwidget/widget/static/widget.js
MODULES := js/node_modules/.package-lock.json
# 3.11 first: that is what constraints.txt was frozen on
PYTHONS := python3.11 python3.12 python3.13 python3.14 python3
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
PYTEST_ARGS ?=

ROOT_FLAG := $(if $(filter 0,$(shell id -u)),--allow-root)
# a browser can be opened on a Mac, or where there is an X or Wayland display
BROWSER_FLAG := $(if $(or $(filter Darwin,$(shell uname -s)),$(DISPLAY),$(WAYLAND_DISPLAY)),,--no-browser)

.PHONY: help setup demo test lint peers bench chromium clean

help:
	@sed -n 's/^# //p' Makefile | head -n 4

setup: $(STAMPS)/python $(BUNDLE)

demo: setup
	@if [ -n "$(BROWSER_FLAG)" ]; then echo "There is no display here: open the address below in a browser."; fi
	$(BIN)/jupyter lab $(BROWSER_FLAG) $(ROOT_FLAG) --LabApp.default_url=/lab/tree/notebooks/01_quickstart.ipynb

# processes for the tests without a browser, whose server and page need the processors to themselves
WORKERS ?= 2

test: setup chromium lint
	$(BIN)/python -m pytest --numprocesses=$(WORKERS) --dist=loadfile alwidget tests/unit tests/integration $(PYTEST_ARGS)
	$(BIN)/python -m pytest tests/browser $(PYTEST_ARGS)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m alwidget.widget.codegen --check
	cd js && npm run check && npm test

peers: setup
	PYTHONPATH="$$($(BIN)/python -m benchmarks.peerenv)" $(BIN)/python -m pytest -m peers $(PYTEST_ARGS)

bench: setup $(STAMPS)/bench
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) .venv-* js/node_modules alwidget/widget/static build dist test-results
	rm -rf .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# What the rest stands on -------------------------------------------------------------------------------------------

$(BIN)/python:
	@for python in $(PYTHONS); do \
	  if command -v $$python >/dev/null && $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then \
	    if $$python -m venv $(VENV); then exit 0; fi; \
	    rm -rf $(VENV); \
	    echo "$$python cannot make a virtual environment. On Debian or Ubuntu: apt-get install python3-venv" >&2; exit 1; \
	  fi; \
	done; \
	echo "alwidget needs Python 3.11 or newer; none of these is: $(PYTHONS). Install one from https://www.python.org" >&2; exit 1

$(STAMPS)/python: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing alwidget and what it needs into $(VENV) (some minutes the first time)"
	$(PIP) --editable ".[offline,plots,dev]" --constraint constraints.txt
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/bench: $(STAMPS)/python
	$(PIP) --editable ".[offline,plots,dev,bench]" --constraint constraints.txt
	@touch $@

$(MODULES): js/package.json js/package-lock.json
	@if ! command -v npm >/dev/null || ! node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)'; then \
	  echo "The front end is built with Node 20 or newer, which is not here. Install it from https://nodejs.org" >&2; exit 1; \
	fi
	cd js && npm ci --no-audit --no-fund
	@touch $@

$(BUNDLE): $(MODULES) $(wildcard js/*.mjs js/*.json) $(shell find js/src -type f 2>/dev/null)
	cd js && npm run build
	@touch $@

# Takes the browser of the machine; else the system's package where that can be installed; else Playwright's own.
chromium: $(STAMPS)/python
	@if $(BIN)/python tests/browser/chromium.py >/dev/null; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "Installing Chromium with apt-get"; \
	  (apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y chromium) >/dev/null && exit 0; \
	fi; \
	$(BIN)/python -m playwright install chromium
